import { createLogger } from '@holdfast/shared/runtime/logger.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { drawCut } from './drawn-cut.ts';
import type { TraceStep } from './operations.ts';
import { readSteps } from './recording.ts';
import { MACHINES, replay } from './replay.ts';
import { failedReplay, type ReplayVerdict } from './replay-verdict.ts';

/** What a worker is asked for: one power cut. */
export interface Cycle {
  readonly traceFile: string;
  readonly seed: number;
  readonly scratch: string;
  readonly logFile: string;
  readonly drainTimeoutMs: number;
}

export interface CycleReport {
  readonly seed: number;
  readonly traceFile: string;
  readonly verdict: ReplayVerdict;
  /** Where the power failed, for people. */
  readonly where: string;
}

const traces = new Map<string, readonly TraceStep[]>();
let log: ReturnType<typeof createLogger> | undefined;

process.on('message', (cycle: Cycle) => {
  void run(cycle).then((report) => process.send!(report));
});

async function run(cycle: Cycle): Promise<CycleReport> {
  const { traceFile, seed, scratch, drainTimeoutMs } = cycle;
  const steps = traces.get(traceFile) ?? readSteps(traceFile);
  traces.set(traceFile, steps);
  log ??= createLogger({ name: 'replay', level: 'warn', file: cycle.logFile });
  const cut = drawCut(seededRandom(seed), steps);
  const where = `${MACHINES.filter((name) => cut.fates[name]).join(' and ')} at step ${cut.at}`;
  const replayed = replay(steps, { cut, scratch, log, drainTimeoutMs });
  const verdict = await replayed.catch((error: Error) =>
    failedReplay(error.stack ?? error.message),
  );
  return { seed, traceFile, verdict, where };
}
