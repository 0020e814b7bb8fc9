import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { eventually } from '../../e2e/eventually.ts';
import { type House, prepareHouse } from '../../e2e/house.ts';
import type { TestProcess } from '../../e2e/process.ts';
import type { Line } from '../../network/line.ts';
import { audit, type LaneTotals, readDelivered, type Verdict } from './audit.ts';
import { drawStep } from './drawn-steps.ts';
import { PLANT_VARIABLE, SENTENCE_VARIABLE, type Sentence } from './killing-steps.ts';
import { type Load, startLoad } from './load.ts';
import type { Plant } from './plants.ts';

const CLIENT_COUNT = 6;
const PUBLISH_SHARE = 0.4;
const READY_TIMEOUT_MS = 30_000;
/** A victim that does not come to its step is killed so long after it was ready, at most. */
const PATIENCE_MS_MAX = 1_600;
/** One cycle in so many has a partition beside the kill. */
const PARTITION_EVERY = 6;
const PARTITION_MS_MAX = 1_500;
export const DRAIN_TIMEOUT_MS = 60_000;
/** A house with a planted bug may never drain. */
export const PLANTED_DRAIN_TIMEOUT_MS = 6_000;
const VICTIMS = [['gateway'], ['cloud'], ['gateway', 'cloud']] as const;

export interface KillOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly plant?: Plant;
  readonly progress: (text: string) => void;
}

export interface KillReport {
  readonly verdict: Verdict;
  /** How often a process died at each named step; `clock` counts those that died between two. */
  readonly deaths: ReadonlyMap<string, number>;
  readonly partitions: number;
}

/**
 * Kills the gateway, the cloud with its edge-link, or both, once a cycle, at a drawn step of their
 * durable paths, under load and with a partition now and then; then lets everything drain, and
 * audits both ends.
 */
export async function runKill(options: KillOptions): Promise<KillReport> {
  const random = seededRandom(options.seed);
  // The load draws from a stream of its own: how fast it goes must not change who is killed.
  const loadRandom = seededRandom(options.seed + 1);
  const house = await prepareHouse({
    cloudEntry: 'test/chaos/kill/victim-cloud.ts',
    gatewayEntry: 'test/chaos/kill/victim-gateway.ts',
    env: {
      HOLDFAST_LOG_LEVEL: 'warn',
      [PLANT_VARIABLE]: options.plant ?? '',
    },
    line: {},
  });
  try {
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    const load = startLoad({
      port: house.mqttPort,
      clientCount: CLIENT_COUNT,
      random: loadRandom,
      share: PUBLISH_SHARE,
    });
    const line = house.line!;
    const world = { house, line, random, deaths: new Map<string, number>(), partitions: 0 };
    for (let cycle = 1; cycle <= options.cycles; cycle++) {
      const victims = await runCycle(world, cycle);
      options.progress(`cycle ${cycle}/${options.cycles}: killed ${victims.join(' and ')}`);
    }
    const drainTimeoutMs = options.plant ? PLANTED_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS;
    const verdict = await conclude(house, load, drainTimeoutMs);
    await load.end();
    return { verdict, deaths: world.deaths, partitions: world.partitions };
  } finally {
    await house.close();
  }
}

interface World {
  readonly house: House;
  readonly line: Line;
  readonly random: Random;
  readonly deaths: Map<string, number>;
  partitions: number;
}

async function runCycle(world: World, cycle: number): Promise<readonly string[]> {
  const { house, random } = world;
  const victims = VICTIMS[random.int(VICTIMS.length)]!;
  const doomed: { victim: TestProcess; sentence: Sentence }[] = [];
  for (const name of ['cloud', 'gateway'] as const) {
    const victim = house[name];
    if (!(victims as readonly string[]).includes(name)) {
      if (!victim.running) victim.start();
      continue;
    }
    if (victim.running) {
      await victim.kill();
      note(world, 'clock');
    }
    const recordFile = join(house.dir, `${name}-${cycle}.step`);
    const sentence = { ...drawStep(random, name), recordFile };
    victim.start({ [SENTENCE_VARIABLE]: JSON.stringify(sentence) });
    doomed.push({ victim, sentence });
  }
  const partition = random.int(PARTITION_EVERY) === 0;
  if (partition) await cutForAWhile(world);
  const patience = random.int(PATIENCE_MS_MAX);
  await Promise.race([
    Promise.all(doomed.map(({ victim }) => victim.ended())),
    allReady(house).then(() => new Promise((resolve) => setTimeout(resolve, patience))),
  ]);
  for (const { victim, sentence } of doomed) {
    await victim.kill();
    const step = existsSync(sentence.recordFile) ? readFileSync(sentence.recordFile, 'utf8') : '';
    note(world, step || 'clock');
  }
  return victims;
}

/** Both processes answer, or one that was doomed is gone already. */
async function allReady({ cloud, gateway, cloudUrl, pagesUrl }: House): Promise<void> {
  const up = async (victim: TestProcess, url: string): Promise<boolean> => {
    if (!victim.running) return true;
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok;
  };
  await eventually(
    'gateway and cloud to start',
    async () => (await up(cloud, cloudUrl)) && (await up(gateway, pagesUrl)),
    READY_TIMEOUT_MS,
  );
}

function note({ deaths }: World, step: string): void {
  deaths.set(step, (deaths.get(step) ?? 0) + 1);
}

async function cutForAWhile(world: World): Promise<void> {
  world.partitions++;
  world.line.cut();
  await new Promise((resolve) => setTimeout(resolve, world.random.int(PARTITION_MS_MAX)));
  world.line.heal();
}

interface GatewayView {
  readonly lanes: readonly {
    readonly ledger: (LaneTotals & { readonly pending: number }) | null;
    readonly lag: number;
  }[];
}

/**
 * Lets everything drain, and compares both ends. A house that does not drain in time is audited as
 * it is.
 */
export async function conclude(house: House, load: Load, drainTimeoutMs: number): Promise<Verdict> {
  for (const name of ['cloud', 'gateway'] as const) {
    if (!house[name].running) house[name].start();
  }
  await house.cloudReady();
  await house.gatewayReady();
  await load.settle();
  let view: GatewayView | undefined;
  const drained = eventually(
    'everything pending to be delivered',
    async () => {
      const own = await fetch(`${house.pagesUrl}/v1/status`);
      const status = (await own.json()) as { lanes: { accepted: number; pending: number }[] };
      const page = await house.json<{ items: GatewayView[] }>('/v1/gateways');
      view = page.items[0];
      const accepted = status.lanes.reduce((sum, lane) => sum + lane.accepted, 0);
      const reported = view?.lanes.reduce((sum, lane) => sum + (lane.ledger?.accepted ?? 0), 0);
      return (
        accepted === reported &&
        status.lanes.every((lane) => lane.pending === 0) &&
        view?.lanes.every((lane) => lane.lag === 0)
      );
    },
    drainTimeoutMs,
  );
  // With a bug in it the house may never drain; then the audit says what is missing.
  await drained.catch(() => {});
  const lanes = (view?.lanes ?? []).flatMap((lane) => lane.ledger ?? []);
  const devices = new Set(load.sent.map((message) => message.device));
  return audit({ sent: load.sent, delivered: await readDelivered(house, devices), lanes });
}
