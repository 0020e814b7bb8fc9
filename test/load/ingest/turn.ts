import { eventually } from '../../e2e/eventually.ts';
import { freePorts } from '../../e2e/free-ports.ts';
import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import { Ground } from '../ground.ts';
import type { LoadResult } from '../publisher/load-shape.ts';
import { runPublisher } from '../publisher/run-publisher.ts';
import { greet, leaveKeeper } from '../servers/mqtt-session.ts';
import type { Server, ServerPorts } from '../servers/server.ts';

const START_MS_MAX = 60_000;
const PROBE_MS = 500;

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
    const steady = await runPublisher(ground, {
      ...shape,
      pace: { kind: 'rate', perSecond: ratePerSecond },
    });
    const fullDisk = probeDisk(ground.dir, PROBE_MS);
    const full = await runPublisher(ground, { ...shape, pace: { kind: 'window', inFlight } });
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
