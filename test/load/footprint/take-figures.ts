import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Print } from '../bench-shape.ts';
import { probeDisk } from '../disk-probe.ts';
import { Ground } from '../ground.ts';
import type { BufferRun, BufferRunResult } from './buffer-run.ts';
import type { FootprintSettings } from './footprint-settings.ts';
import { type OfflineGateway, prepareGateway } from './gateway.ts';
import { type Sample, sampleLevels } from './memory.ts';
import { count, type Figures, type NamedRun } from './report.ts';
import { killUnderLoad, type StartTimes, timeStart, timeStarts } from './starts.ts';

const RUN_BUFFER = fileURLToPath(new URL('run-buffer.ts', import.meta.url));
const COLD_STORE = 'cold store JSON';
const RECORDINGS = 'recorded JSON';
/** A sensor a site has ten of: an hour of outage is 36,000 messages. */
const SLOW_PER_SECOND = 10;
const SLOW_WINDOWS_MS = [0, 1_000];
const FAST_WINDOWS_MS = [0, 20];
/** What a month's messages share, so that the bench is done within minutes. */
const MONTH_WINDOW_MS = 10_000;
const MEMORY_FILES = '/dev/shm';
const LEVEL_SHARES = [0, 0.01, 0.1, 1];
const PROBE_MS = 500;

export async function takeFigures(settings: FootprintSettings, print: Print): Promise<Figures> {
  const { parts, perSecond, payloadBytes } = settings;
  const gateways = parts.has('memory')
    ? await takeGatewayFigures(settings, print)
    : { samples: [], starts: [] };
  const runs = async (plans: readonly Plan[]): Promise<NamedRun[]> => {
    const done: NamedRun[] = [];
    for (const plan of plans) done.push(await runBuffer(plan, print));
    return done;
  };
  return {
    perSecond,
    payloadBytes,
    ...gateways,
    writes: parts.has('writes') ? await runs(writePlans(settings)) : [],
    outages: parts.has('outage') ? await runs(outagePlans(settings)) : [],
    months: parts.has('month') ? await runs([monthPlan(settings)]) : [],
  };
}

async function takeGatewayFigures(
  settings: FootprintSettings,
  print: Print,
): Promise<Pick<Figures, 'samples' | 'starts'>> {
  const ground = new Ground();
  try {
    await startAndStop(await prepareGateway(ground, 'first'));
    const gateway = await prepareGateway(ground, 'gateway');
    const { started } = await timeStart(gateway);
    const place = { ground, gateway, started };
    const shares = LEVEL_SHARES.map((share) => Math.round(share * settings.backlog));
    const levels = [...new Set(shares)];
    const samples = await sampleLevels(place, { ...settings, levels }, (sample) =>
      print.progress(describe(sample)),
    );
    if (!settings.parts.has('start')) return { samples, starts: [] };
    await killUnderLoad(ground, { gateway, started }, settings);
    return { samples, starts: await takeStarts(ground, gateway, { settings, print }) };
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${ground.lastWords()}`, { cause });
  } finally {
    await ground.close();
  }
}

/**
 * Leaves the compiled code of every part behind: a killed one would not. What an installed gateway
 * runs is compiled, and has no compiler for TypeScript in its memory.
 */
async function startAndStop(gateway: OfflineGateway): Promise<void> {
  const { started } = await timeStart(gateway);
  process.kill(started.pid, 'SIGTERM');
  await started.ended;
}

async function takeStarts(
  ground: Ground,
  backlog: OfflineGateway,
  { settings, print }: { settings: FootprintSettings; print: Print },
): Promise<StartTimes[]> {
  const starts: StartTimes[] = [];
  for (let round = 1; round <= settings.rounds; round++) {
    const empty = await prepareGateway(ground, `empty-${round}`);
    const times = await timeStarts(ground, { backlog, empty }, settings);
    const { backlogMs, emptyMs } = times;
    print.progress(
      `start ${round}/${settings.rounds}: ${Math.round(backlogMs)} ms with the backlog, ` +
        `${Math.round(emptyMs)} ms empty`,
    );
    starts.push(times);
  }
  return starts;
}

interface Plan extends Omit<BufferRun, 'folder'> {
  readonly name: string;
  /** Memory-backed files, where the machine has them: for a run that measures size alone. */
  readonly inMemory?: boolean;
}

function writePlans({ writeMessages, perSecond, recordings }: FootprintSettings): Plan[] {
  const slow = SLOW_WINDOWS_MS.map((commitWindowMs) => ({
    name: 'writes',
    messages: writeMessages,
    perSecond: SLOW_PER_SECOND,
    commitWindowMs,
    clock: 'simulated' as const,
    recordings,
  }));
  const fast = FAST_WINDOWS_MS.map((commitWindowMs) => ({
    name: 'writes',
    messages: writeMessages,
    perSecond,
    commitWindowMs,
    clock: 'real' as const,
    recordings,
  }));
  return [...slow, ...fast];
}

function outagePlans({ outageHours, recordings }: FootprintSettings): Plan[] {
  const plan = {
    name: 'outage',
    messages: Math.round(outageHours * 3_600 * SLOW_PER_SECOND),
    perSecond: SLOW_PER_SECOND,
    commitWindowMs: 0,
    clock: 'simulated' as const,
    inMemory: true,
  };
  return recordings === undefined ? [plan] : [plan, { ...plan, recordings }];
}

function monthPlan({ fills, fillMessages }: FootprintSettings): Plan {
  return {
    name: 'month',
    messages: fills * fillMessages,
    perSecond: SLOW_PER_SECOND,
    commitWindowMs: MONTH_WINDOW_MS,
    clock: 'simulated',
    drainEvery: fillMessages,
    inMemory: true,
  };
}

async function runBuffer({ name, inMemory, ...plan }: Plan, print: Print): Promise<NamedRun> {
  const ground = new Ground(inMemory && existsSync(MEMORY_FILES) ? MEMORY_FILES : tmpdir());
  const folder = ground.path('buffer');
  mkdirSync(folder, { mode: 0o700 });
  try {
    const disk = probeDisk(tmpdir(), PROBE_MS);
    const run: BufferRun = { ...plan, folder };
    const child = ground.start({
      name,
      program: process.execPath,
      args: [RUN_BUFFER, JSON.stringify(run)],
    });
    if ((await child.ended) !== 0) throw new Error(`${name}: ${child.output()}`);
    const result = JSON.parse(child.output()) as BufferRunResult;
    const load = plan.recordings === undefined ? COLD_STORE : RECORDINGS;
    print.progress(
      `${name}: ${count(result.messages)} of ${load} in ${Math.round(result.seconds)} s`,
    );
    const { perSecond, commitWindowMs } = plan;
    return { load, perSecond, commitWindowMs, result, disk };
  } finally {
    await ground.close();
  }
}

function describe({ backlog, peakBytes, writtenBytes, acceptedBytes }: Sample): string {
  const written = (writtenBytes / acceptedBytes).toFixed(2);
  return `memory at ${count(backlog)}: ${Math.round(peakBytes / 1e6)} MB, written ${written} ×`;
}
