import { type ChildProcess, fork } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../../e2e/process.ts';
import type { PowerPlant } from './plants.ts';
import { record } from './recording.ts';
import { failedReplay, NOTHING_COUNTED, type ReplayVerdict } from './replay-verdict.ts';
import type { Cycle, CycleReport } from './replay-worker.ts';

const CYCLES_PER_TRACE = 400;
/** What a worker has loaded and started adds up: then another one goes on. */
const CYCLES_PER_WORKER = 100;
const EVENTS_PER_TRACE = 4;
const DRAIN_TIMEOUT_MS = 60_000;
/** A house with a planted bug may never drain. */
const PLANTED_DRAIN_TIMEOUT_MS = 6_000;
const FINDINGS_MAX = 10;
const MEMORY = '/dev/shm';
const WORKER = fileURLToPath(new URL('replay-worker.ts', import.meta.url));

export interface PowerOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly plant?: PowerPlant;
  /** A trace of an earlier run, instead of new ones: then the seed is that of its cycle. */
  readonly traceFile?: string;
  readonly eventCount?: number;
  /** Ends at the first finding. */
  readonly untilFound?: boolean;
  readonly progress: (text: string) => void;
}

export interface PowerReport {
  readonly verdict: ReplayVerdict;
  readonly cycles: number;
}

/**
 * Records the life of a gateway and a cloud, call by call, and takes the power away in its middle,
 * cycle after cycle: from one machine or from both, with what was not synced lost, torn or out of
 * order. Each time both start on what is left, drain, and the cloud's API is asked for everything
 * that had been acknowledged.
 */
export async function runPower(options: PowerOptions): Promise<PowerReport> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-power-'));
  const scratch = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'holdfast-power-')) : dir;
  try {
    const traces = options.traceFile ? [options.traceFile] : await recordAll(options, dir);
    const total = new Total(options);
    let next = 0;
    const lanes = Array.from({ length: Math.min(availableParallelism(), options.cycles) }, () =>
      runLane(() => {
        if (next >= options.cycles || (options.untilFound && total.found)) return undefined;
        const index = next++;
        return {
          traceFile: traces[index % traces.length]!,
          seed: options.seed + index,
          scratch,
          logFile: join(dir, 'replay.log'),
          drainTimeoutMs: options.plant ? PLANTED_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS,
        };
      }, total),
    );
    await Promise.all(lanes);
    return total.report();
  } finally {
    rmSync(dir, { recursive: true, force: true });
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function recordAll(options: PowerOptions, dir: string): Promise<string[]> {
  const count = Math.ceil(options.cycles / CYCLES_PER_TRACE);
  const traces: string[] = [];
  for (let index = 0; index < count; index++) {
    const file = join(dir, `trace-${options.seed + index}`);
    options.progress(`recording ${index + 1}/${count}`);
    const { plant, eventCount = EVENTS_PER_TRACE } = options;
    const seed = options.seed + index;
    await record({ seed, eventCount, ...(plant === undefined ? {} : { plant }) }, file);
    traces.push(file);
  }
  return traces;
}

/** One worker after the other, each for a while. */
async function runLane(take: () => Cycle | undefined, total: Total): Promise<void> {
  for (let cycle = take(); cycle; ) {
    const worker = fork(WORKER, { stdio: 'inherit' });
    try {
      for (let count = 0; cycle && count < CYCLES_PER_WORKER; count++) {
        total.add(await ask(worker, cycle));
        cycle = take();
        if (!worker.connected) break;
      }
    } finally {
      worker.kill('SIGKILL');
    }
  }
}

/** A replay that ends its process is a start that failed. */
function ask(worker: ChildProcess, cycle: Cycle): Promise<CycleReport> {
  return new Promise((resolve) => {
    const ended = (code: number | null, signal: string | null): void => {
      const verdict = failedReplay(`the process ended with ${code ?? signal}`);
      resolve({ ...cycle, verdict, where: 'in a process that ended' });
    };
    worker.once('exit', ended);
    worker.once('message', (report: CycleReport) => {
      worker.off('exit', ended);
      resolve(report);
    });
    worker.send(cycle);
  });
}

type Counted = keyof typeof NOTHING_COUNTED;

class Total {
  readonly #options: PowerOptions;
  readonly #kept = new Map<string, string>();
  readonly #findings: string[] = [];
  #cycles = 0;
  readonly #sum: Record<Counted, number> = { ...NOTHING_COUNTED };

  constructor(options: PowerOptions) {
    this.#options = options;
  }

  get found(): boolean {
    return this.#sum.lost + this.#sum.duplicated + this.#sum.failedStarts > 0;
  }

  add({ verdict, seed, traceFile, where }: CycleReport): void {
    this.#cycles += 1;
    for (const name of Object.keys(NOTHING_COUNTED) as Counted[]) this.#sum[name] += verdict[name];
    const { lost, duplicated, failedStarts, findings } = verdict;
    const state = `lost ${this.#sum.lost}, duplicated ${this.#sum.duplicated}`;
    this.#options.progress(`cycle ${this.#cycles}/${this.#options.cycles}: ${where}; ${state}`);
    if (lost + duplicated + failedStarts === 0) return;
    const kept = this.#keep(traceFile);
    const repeat = `npm run torture -- power --trace ${kept} --cycles 1 --seed ${seed}`;
    for (const finding of findings) {
      if (this.#findings.length >= FINDINGS_MAX) break;
      this.#findings.push(`${where}: ${finding} (again: ${repeat})`);
    }
  }

  report(): PowerReport {
    return { verdict: { ...this.#sum, findings: this.#findings }, cycles: this.#cycles };
  }

  /** A trace depends on the machine's timing: to be repeated it must be kept. */
  #keep(traceFile: string): string {
    if (this.#options.traceFile) return traceFile;
    const known = this.#kept.get(traceFile);
    if (known) return known;
    const folder = `${ROOT}.holdfast/torture`;
    mkdirSync(folder, { recursive: true });
    const kept = join(folder, `power-${this.#options.seed}-${this.#kept.size + 1}.trace`);
    copyFileSync(traceFile, kept);
    this.#kept.set(traceFile, kept);
    return kept;
  }
}
