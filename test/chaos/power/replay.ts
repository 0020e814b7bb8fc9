import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@holdfast/shared/runtime/logger.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { eventually } from '../../e2e/eventually.ts';
import { audit, type LaneTotals, readDelivered } from '../kill/audit.ts';
import type { Sent } from '../kill/load.ts';
import { Disk, type Tree } from './disk.ts';
import type { Fates } from './fates.ts';
import {
  type CloudMachine,
  enrolMachine,
  type GatewayMachine,
  isEnrolled,
  type MachineOptions,
  startCloudMachine,
  startGatewayMachine,
} from './machines.ts';
import { WATCHER, WATCHER_TOPIC } from './marks.ts';
import { type Observations, observed } from './observations.ts';
import type { TraceStep } from './operations.ts';
import { failedReplay, NOTHING_COUNTED, type ReplayVerdict } from './replay-verdict.ts';

export const MACHINES = ['gateway', 'cloud'] as const;
export type Machine = (typeof MACHINES)[number];

export interface PowerCut {
  /** Steps of the trace that happened before. */
  readonly at: number;
  /** What becomes of what a machine had not synced; a machine without fates keeps its power. */
  readonly fates: Readonly<Partial<Record<Machine, Fates>>>;
}

export interface ReplayOptions {
  readonly cut: PowerCut;
  /** A folder for the two data folders, better in memory. */
  readonly scratch: string;
  readonly log: Logger;
  /** How long everything may take to arrive in the cloud. */
  readonly drainTimeoutMs: number;
}

const LOST_IDENTITY: ReplayVerdict = {
  ...NOTHING_COUNTED,
  lost: 1,
  findings: ['the gateway lost its identity'],
};
const LATE_DEVICE = 'torture-after-the-cut';
const LATE_COUNT = 3;
const MQTT_TIMEOUT_MS = 10_000;

/**
 * Takes the power away after some step, starts both ends on what is left, lets everything drain
 * into the cloud, and asks its API for what had been acknowledged.
 */
export async function replay(
  steps: readonly TraceStep[],
  options: ReplayOptions,
): Promise<ReplayVerdict> {
  const before = steps.slice(0, options.cut.at);
  const dir = mkdtempSync(join(options.scratch, 'holdfast-power-'));
  try {
    for (const machine of MACHINES) {
      const disk = diskAfter(before, machine);
      const fates = options.cut.fates[machine];
      layOut(fates ? disk.cut(fates) : disk.present(), dir);
    }
    const world = { ...options, dir, told: observed(before) };
    const verdict = await restart(world);
    return withSetAside(verdict, dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface World extends ReplayOptions {
  readonly dir: string;
  readonly told: Observations;
}

export function diskAfter(steps: readonly TraceStep[], machine: Machine): Disk {
  const disk = new Disk(machine);
  for (const step of steps)
    if (step.operation?.path.startsWith(machine)) disk.apply(step.operation, step);
  return disk;
}

/** Modes are set apart, whatever the umask. */
export function layOut(tree: Tree, dir: string): void {
  for (const [path, { mode, bytes }] of tree) {
    const target = join(dir, path);
    if (bytes) writeFileSync(target, bytes);
    else mkdirSync(target);
    chmodSync(target, mode);
  }
}

async function restart(world: World): Promise<ReplayVerdict> {
  const machine = (name: Machine): MachineOptions => ({
    dir: world.dir,
    log: world.log,
    rebooted: world.cut.fates[name] !== undefined,
  });
  let cloud: CloudMachine | undefined;
  let gateway: GatewayMachine | undefined;
  try {
    try {
      cloud = await startCloudMachine(machine('cloud'));
      if (!isEnrolled(machine('gateway'))) {
        if (world.told.enrolled) return LOST_IDENTITY;
        const claim = world.told.claim ?? (await cloud.claim());
        await enrolMachine(machine('gateway'), { cloud, claim });
      }
      gateway = await startGatewayMachine(machine('gateway'), cloud);
    } catch (error) {
      return failedReplay(`did not start: ${(error as Error).stack}`);
    }
    return await drainAndAudit(world, cloud, gateway);
  } finally {
    await gateway?.stop();
    await cloud?.stop();
  }
}

async function drainAndAudit(
  world: World,
  cloud: CloudMachine,
  gateway: GatewayMachine,
): Promise<ReplayVerdict> {
  const late: Sent[] = [];
  const sessions = await askBroker(world.told, gateway, late);
  const lanes = await drain(world, cloud, gateway);
  const sent = [...world.told.sent, ...late];
  const devices = new Set(sent.map(({ device }) => device));
  const verdict = audit({ sent, delivered: await readDelivered(cloud, devices), lanes });
  const forgotten = lanes.flatMap(({ lane, held }) => {
    const told = world.told.held[lane] ?? 0;
    return held < told ? [`the API answered ${told} of ${lane} before, and ${held} now`] : [];
  });
  const more = [...sessions, ...forgotten];
  return {
    ...verdict,
    lost: verdict.lost + more.length,
    failedStarts: 0,
    findings: [...verdict.findings, ...more],
  };
}

/** New messages are taken, sessions and retained messages are as they were acknowledged. */
async function askBroker(
  told: Observations,
  { mqttPort }: GatewayMachine,
  late: Sent[],
): Promise<string[]> {
  const findings: string[] = [];
  const url = `mqtt://127.0.0.1:${mqttPort}`;
  const options = { connectTimeout: MQTT_TIMEOUT_MS, reconnectPeriod: 0 };
  const device = await mqtt.connectAsync(url, { ...options, clientId: LATE_DEVICE });
  for (let id = 1; id <= LATE_COUNT; id++) {
    const topic = `devices/${LATE_DEVICE}/telemetry/load`;
    const payload = JSON.stringify({ value: id, boot: 'only', seq: id });
    await device.publishAsync(topic, payload, { qos: 1 });
    late.push({ device: LATE_DEVICE, topic, id, qos: 1, keyed: true, acknowledged: true });
  }
  if (told.retained > 0) {
    const value = await retainedValue(device).catch(() => 0);
    if (value < told.retained)
      findings.push(`retained ${told.retained} was acknowledged, ${value} is there`);
  }
  await device.endAsync(true);
  if (!told.subscribed) return findings;
  const watcher = mqtt.connect(url, { ...options, clientId: WATCHER, clean: false });
  const present = await new Promise<boolean>((resolve, reject) => {
    watcher.once('connect', ({ sessionPresent }) => resolve(sessionPresent));
    watcher.once('error', reject);
  });
  await watcher.endAsync(true);
  return present ? findings : [...findings, 'a subscription was acknowledged and lost'];
}

function retainedValue(client: MqttClient): Promise<number> {
  return new Promise((resolve, reject) => {
    client.once('message', (_topic, payload) => {
      resolve((JSON.parse(payload.toString()) as { value: number }).value);
    });
    setTimeout(() => reject(new Error('nothing is retained')), MQTT_TIMEOUT_MS).unref();
    client.subscribeAsync(WATCHER_TOPIC).catch(reject);
  });
}

interface LaneEnd extends LaneTotals {
  /** Sequences that the cloud holds. */
  readonly held: number;
}

interface Status {
  readonly lanes: readonly (LaneTotals & { readonly pending: number })[];
}

interface GatewaysPage {
  readonly items: readonly { lanes: readonly { lane: string; cloud: { held: number } }[] }[];
}

async function drain(
  { drainTimeoutMs }: World,
  cloud: CloudMachine,
  gateway: GatewayMachine,
): Promise<readonly LaneEnd[]> {
  let lanes: LaneEnd[] = [];
  const drained = async (): Promise<boolean> => {
    const own = (await (await fetch(`${gateway.pagesUrl}/v1/status`)).json()) as Status;
    const page = await cloud.json<GatewaysPage>('/v1/gateways');
    lanes = own.lanes.map((totals) => {
      const there = page.items[0]?.lanes.find(({ lane }) => lane === totals.lane);
      return { ...totals, held: there?.cloud.held ?? 0 };
    });
    return (
      own.lanes.every(({ pending }) => pending === 0) &&
      lanes.every(({ accepted, condensed, dropped, held }) => {
        return held >= accepted - condensed - dropped;
      })
    );
  };
  // What did not arrive in time the audit finds missing.
  await eventually('everything to be in the cloud', drained, drainTimeoutMs).catch(() => {});
  return lanes;
}

/** A power cut on a sound disk damages nothing: no file has to be set aside. */
function withSetAside(verdict: ReplayVerdict, dir: string): ReplayVerdict {
  const aside = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /damaged/.test(path),
  );
  if (aside.length === 0) return verdict;
  const findings = [...verdict.findings, `set aside as damaged: ${aside.join(', ')}`];
  return { ...verdict, lost: verdict.lost + 1, findings };
}
