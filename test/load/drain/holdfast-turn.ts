import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../e2e/eventually.ts';
import { type House, prepareHouse } from '../../e2e/house.ts';
import { COMPILE_CACHE } from '../../e2e/process.ts';
import { gatewayView } from '../../e2e/readings.ts';
import type { LinePaceOptions } from '../../network/line.ts';
import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import type { Fill } from './fill.ts';
import { type LiveLatencies, startLiveProbe } from './live-probe.ts';

const FILLER = fileURLToPath(new URL('run-fill.ts', import.meta.url));
const PROBE_MS = 500;
const LOOK_MS = 25;
const STREAMING_MS_MAX = 60_000;
const DRAIN_MS_MAX = 300_000;
const FILL_PER_SECOND = 1_000;
const INTERRUPTED = 130;

export interface HoldfastTurn {
  readonly messages: number;
  /** Between gateway and cloud; undefined is no proxy. */
  readonly line?: LinePaceOptions;
  readonly liveEveryMs: number;
  /** Measured so long, however much is left; undefined is until all is answered. */
  readonly forMs?: number;
}

export interface HoldfastFigures {
  readonly messages: number;
  /** From the stream's beginning until the cloud's disk had the backlog, and until the API did. */
  readonly diskSeconds: number;
  readonly answeredSeconds: number;
  readonly live: LiveLatencies;
  readonly disk: DiskFigures;
  /** Both ways, from the first connection; 0 without a line. */
  readonly wireBytes: number;
  /** Up, within `forMs` only. */
  readonly upBytesPerSecond: number;
}

interface Lane {
  readonly lane: string;
  readonly accepted: number;
  readonly backlog: number;
}

interface Status {
  readonly uplink: { readonly phase: string };
  readonly lanes: readonly Lane[];
}

/** Fills a gateway's buffer, connects it, and watches its backlog reach the API. */
export async function takeHoldfastTurn(turn: HoldfastTurn): Promise<HoldfastFigures> {
  const house = await prepareHouse({
    env: { HOLDFAST_LOG_LEVEL: 'warn' },
    ...(turn.line && { line: turn.line }),
  });
  const interrupted = (): void => void house.close().finally(() => process.exit(INTERRUPTED));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    await runFill({
      messages: turn.messages,
      perSecond: FILL_PER_SECOND,
      startMs: Date.now() - (turn.messages / FILL_PER_SECOND) * 1_000,
      into: { kind: 'buffer', folder: join(house.dir, 'gateway') },
    });
    const disk = probeDisk(house.dir, PROBE_MS);
    return { ...(await watchDrain(house, turn)), disk };
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await house.close();
  }
}

async function watchDrain(
  house: House,
  turn: HoldfastTurn,
): Promise<Omit<HoldfastFigures, 'disk'>> {
  house.gateway.start();
  const first = await eventually(
    'the stream to begin',
    async () => {
      const seen = await statusOf(house);
      return seen.uplink.phase === 'streaming' && seen;
    },
    STREAMING_MS_MAX,
  );
  const startedMs = performance.now();
  const upBefore = house.line?.bytes().up ?? 0;
  const probe = await startLiveProbe(house, turn.liveEveryMs);
  probe.measure();
  const since = (): number => (performance.now() - startedMs) / 1_000;
  let diskSeconds = Number.NaN;
  let answeredSeconds = Number.NaN;
  while (Number.isNaN(diskSeconds) || Number.isNaN(answeredSeconds)) {
    if (since() * 1_000 > (turn.forMs ?? DRAIN_MS_MAX)) break;
    await sleep(LOOK_MS);
    if (Number.isNaN(diskSeconds) && (await isSent(house))) diskSeconds = since();
    if (Number.isNaN(answeredSeconds) && (await isAnswered(house, first.lanes)))
      answeredSeconds = since();
  }
  if (turn.forMs === undefined && Number.isNaN(diskSeconds + answeredSeconds))
    throw new Error(`the backlog was not there within ${DRAIN_MS_MAX} ms`);
  const upBytesPerSecond = ((house.line?.bytes().up ?? 0) - upBefore) / since();
  const live = await probe.end();
  const { up, down } = house.line?.bytes() ?? { up: 0, down: 0 };
  const messages = first.lanes.reduce((sum, { accepted }) => sum + accepted, 0);
  const wireBytes = up + down;
  return { messages, diskSeconds, answeredSeconds, live, wireBytes, upBytesPerSecond };
}

async function statusOf(house: House): Promise<Status> {
  return (await (await fetch(`${house.pagesUrl}/v1/status`)).json()) as Status;
}

/** The cloud has acknowledged as durable what was there when the stream began. */
async function isSent(house: House): Promise<boolean> {
  return (await statusOf(house)).lanes.every(({ backlog }) => backlog === 0);
}

/** What was there when the stream began is in the tables that the API answers from. */
async function isAnswered(house: House, lanes: readonly Lane[]): Promise<boolean> {
  const gateway = await gatewayView(house);
  return lanes.every(({ lane, accepted }) => {
    const held = gateway?.lanes.find((one) => one.lane === lane)?.cloud.contiguous ?? 0;
    return held >= accepted;
  });
}

export async function runFill(fill: Fill): Promise<void> {
  const env = { ...process.env, ...COMPILE_CACHE };
  const args = [FILLER, JSON.stringify(fill)];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the filler ended with ${code}`);
}
