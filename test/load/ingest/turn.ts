import { fileURLToPath } from 'node:url';
import { eventually } from '../../e2e/eventually.ts';
import { freePorts } from '../../e2e/free-ports.ts';
import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import { Ground } from '../ground.ts';
import type { LoadResult, LoadShape } from '../publisher/load-shape.ts';
import { greet, leaveKeeper } from '../servers/mqtt-session.ts';
import type { Server, ServerPorts } from '../servers/server.ts';

const START_MS_MAX = 60_000;
const PROBE_MS = 500;
const OVERTIME_MS_MAX = 30_000;
const PUBLISHER = fileURLToPath(new URL('../publisher/publisher.ts', import.meta.url));

export interface IngestSettings {
  readonly rounds: number;
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly clients: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  readonly ratePerSecond: number;
}

/** One server's figures of one round, each with the disk's own of a moment before. */
export interface Turn {
  readonly server: string;
  readonly steady: LoadResult;
  readonly steadyDisk: DiskFigures;
  readonly full: LoadResult;
  readonly fullDisk: DiskFigures;
}

/**
 * Starts the server in a fresh folder and publishes to it: at the fixed rate first, because full
 * speed leaves work behind that would be in the way of the other's acknowledgements.
 */
export async function takeTurn(server: Server, settings: IngestSettings): Promise<Turn> {
  const ground = new Ground();
  try {
    const [mqtt, ...others] = (await freePorts(4)) as [number, number, number, number];
    const ports: ServerPorts = { mqtt, others };
    const started = server.start(ground, ports);
    await Promise.race([
      eventually(`${server.name} on port ${mqtt}`, () => answers(mqtt), START_MS_MAX),
      started.ended.then((code) => Promise.reject(new Error(`it ended with ${code}`))),
    ]);
    if (server.hasKeeper) await leaveKeeper(mqtt);
    const { clients, payloadBytes, warmUpMs, measureMs, inFlight, ratePerSecond } = settings;
    const shape = { port: mqtt, clients, payloadBytes, warmUpMs, measureMs };
    const steadyDisk = probeDisk(ground.dir, PROBE_MS);
    const steady = await publish(ground, {
      ...shape,
      pace: { kind: 'rate', perSecond: ratePerSecond },
    });
    const fullDisk = probeDisk(ground.dir, PROBE_MS);
    const full = await publish(ground, { ...shape, pace: { kind: 'window', inFlight } });
    return { server: server.name, steady, steadyDisk, full, fullDisk };
  } catch (cause) {
    const message = `${server.name}: ${(cause as Error).message}`;
    throw new Error(`${message}\n${ground.lastWords()}`, { cause });
  } finally {
    await ground.close();
  }
}

async function answers(port: number): Promise<boolean> {
  await greet(port);
  return true;
}

async function publish(ground: Ground, shape: LoadShape): Promise<LoadResult> {
  const publisher = ground.start({
    name: `publisher-${shape.pace.kind}`,
    program: process.execPath,
    args: [PUBLISHER, JSON.stringify(shape)],
  });
  const overtimeMs = shape.warmUpMs + shape.measureMs + OVERTIME_MS_MAX;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the publisher came to no end')), overtimeMs);
  });
  try {
    const code = await Promise.race([publisher.ended, late]);
    if (code !== 0) throw new Error(`the publisher failed: ${publisher.output()}`);
    return JSON.parse(publisher.output().trim().split('\n').at(-1)!) as LoadResult;
  } finally {
    clearTimeout(timer);
  }
}
