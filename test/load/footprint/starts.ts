import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import type { Ground, Started } from '../ground.ts';
import { runPublisher } from '../publisher/run-publisher.ts';
import { firstPuback } from './first-puback.ts';
import type { OfflineGateway } from './gateway.ts';

const CLIENTS = 50;
/** Under load until the kill, so that the log that has to be replayed is as long as it gets. */
const LOAD_MS_MAX = 3_000;
const PROBE_MS = 500;

/** From the start of the process to its first acknowledgement, after a kill under load. */
export interface StartTimes {
  readonly emptyMs: number;
  readonly backlogMs: number;
  readonly disk: DiskFigures;
}

export interface StartSettings {
  readonly perSecond: number;
  readonly payloadBytes: number;
  readonly windowMs: number;
}

/** Starts and kills the one with a backlog; `empty` prepares a gateway that never ran. */
export async function timeStarts(
  ground: Ground,
  gateways: { readonly backlog: OfflineGateway; readonly empty: OfflineGateway },
  settings: StartSettings,
): Promise<StartTimes> {
  const disk = probeDisk(ground.dir, PROBE_MS);
  const empty = await timeStart(gateways.empty);
  await empty.started.kill();
  const backlog = await timeStart(gateways.backlog);
  await killUnderLoad(ground, { gateway: gateways.backlog, started: backlog.started }, settings);
  return { emptyMs: empty.tookMs, backlogMs: backlog.tookMs, disk };
}

export async function killUnderLoad(
  ground: Ground,
  { gateway, started }: { gateway: OfflineGateway; started: Started },
  { perSecond, payloadBytes, windowMs }: StartSettings,
): Promise<void> {
  await runPublisher(ground, {
    port: gateway.mqttPort,
    clients: CLIENTS,
    payloadBytes,
    warmUpMs: 1,
    measureMs: Math.min(LOAD_MS_MAX, windowMs),
    pace: { kind: 'rate', perSecond },
  });
  await started.kill();
}

/** Resolves at the first acknowledgement. */
export async function timeStart(
  gateway: OfflineGateway,
): Promise<{ readonly started: Started; readonly tookMs: number }> {
  const startedMs = performance.now();
  const started = gateway.start();
  await firstPuback(gateway.mqttPort, started.running);
  return { started, tookMs: performance.now() - startedMs };
}
