import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { eventually } from '../../e2e/eventually.ts';
import { type House, prepareHouse } from '../../e2e/house.ts';
import type { Line } from '../../network/line.ts';
import type { Verdict } from '../kill/audit.ts';
import { PLANT_VARIABLE, SENTENCE_VARIABLE } from '../kill/killing-steps.ts';
import { type Load, startLoad } from '../kill/load.ts';
import { audit, type LaneView, readItems } from './audit.ts';
import type { Plant } from './plants.ts';
import { mountRefusal, mountSmallVolume, type SmallVolume } from './small-volume.ts';

const KIB = 1024;
const VOLUME_BYTES = 24 * 1024 * KIB;
const RESERVE_BYTES = 1024 * KIB;
/** So little that seconds of an outage use it up. */
const BUFFER_BYTES_MAX = 384 * KIB;
const CLIENT_COUNT = 10;
const PUBLISH_SHARE = 0.9;
const FILLING_BYTES = 240;
/** Most is telemetry, which is what may be condensed. */
const PRECIOUS_EVERY = 24;
const READY_TIMEOUT_MS = 60_000;
const PATIENCE_MS_MAX = 2_000;
const DEAF_MS = 8_000;
const DRAIN_TIMEOUT_MS = 60_000;
/** A house with a planted bug may never drain. */
const PLANTED_DRAIN_TIMEOUT_MS = 8_000;
/** Where the gateway dies, in the steps that make room and in those that use it up. */
const STEPS = [
  'buffer.condense.before-commit',
  'buffer.condense.committed',
  'buffer.discard.before-commit',
  'buffer.discard.committed',
  'buffer.sent.before-commit',
  'buffer.sent.committed',
  'buffer.append.before-commit',
  'buffer.append.committed',
  'buffer.seal.committed',
  'buffer.ack.before-commit',
  'uplink.block.sent',
] as const;
const STEP_COUNT_MAX = 30;
const LINES = ['cut', 'cut', 'deaf', 'whole'] as const;
const DISKS = ['full', 'almost', 'free', 'free'] as const;

export interface DiskFullOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly plant?: Plant | undefined;
  readonly progress: (text: string) => void;
}

export interface DiskFullReport {
  readonly verdict: Verdict;
  readonly events: ReadonlyMap<string, number>;
}

/** Why the torture cannot run here. */
export function refusal(folder: string): string | undefined {
  return mountRefusal(folder);
}

/**
 * Fills and frees the gateway's volume, cuts its line, and kills it, each at drawn moments, with a
 * budget that an outage of seconds uses up; then frees the disk, lets everything drain, and audits
 * both ends.
 */
export async function runDiskFull(options: DiskFullOptions): Promise<DiskFullReport> {
  const random = seededRandom(options.seed);
  const house = await prepareHouse({
    gatewayEntry: 'test/chaos/disk-full/victim-gateway.ts',
    env: {
      HOLDFAST_LOG_LEVEL: 'warn',
      HOLDFAST_BUFFER_BYTES_MAX: String(BUFFER_BYTES_MAX),
      HOLDFAST_BUFFER_RESERVE_BYTES: String(RESERVE_BYTES),
      [PLANT_VARIABLE]: options.plant ?? '',
    },
    line: {},
  });
  let volume: SmallVolume | undefined;
  try {
    volume = mountSmallVolume(join(house.dir, 'gateway'), VOLUME_BYTES);
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    // The first start needs room: its files and its reserve are made then.
    house.gateway.start();
    await house.gatewayReady();
    await reserved(house);
    const load = startLoad({
      port: house.mqttPort,
      clientCount: CLIENT_COUNT,
      random: seededRandom(options.seed + 1),
      share: PUBLISH_SHARE,
      fillingBytes: FILLING_BYTES,
      preciousEvery: PRECIOUS_EVERY,
    });
    const { plant } = options;
    const world = { house, line: house.line!, volume, random, plant, events: new Map() };
    for (let cycle = 1; cycle <= options.cycles; cycle++) {
      const what = await runCycle(world, cycle);
      options.progress(`cycle ${cycle}/${options.cycles}: ${what}`);
    }
    const drainTimeoutMs = options.plant ? PLANTED_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS;
    const verdict = await concludeRun(world, load, drainTimeoutMs);
    await load.end();
    return { verdict, events: world.events };
  } finally {
    await house.gateway.kill();
    volume?.remove();
    await house.close();
  }
}

interface World {
  readonly house: House;
  readonly line: Line;
  readonly volume: SmallVolume;
  readonly random: Random;
  readonly plant: Plant | undefined;
  readonly events: Map<string, number>;
}

async function runCycle(world: World, cycle: number): Promise<string> {
  const { house, random } = world;
  if (world.plant === 'condensed-after-sent') return goDeaf(world, cycle);
  const line = LINES[random.int(LINES.length)]!;
  const disk = DISKS[random.int(DISKS.length)]!;
  const kills = random.int(2) === 0;
  setLine(world, line);
  if (kills) {
    await house.gateway.kill();
    const step = STEPS[random.int(STEPS.length)]!;
    const afterSteps = Math.ceil(STEP_COUNT_MAX ** random.fraction());
    const recordFile = join(house.dir, `gateway-${cycle}.step`);
    // Half of the starts find the disk as full as it is going to be.
    if (random.int(2) === 0) setDisk(world, disk);
    const sentence = { step, afterSteps, recordFile };
    house.gateway.start({ [SENTENCE_VARIABLE]: JSON.stringify(sentence) });
    await ready(house);
    setDisk(world, disk);
    await Promise.race([house.gateway.ended(), pause(random)]);
    await house.gateway.kill();
    const died = existsSync(recordFile) ? readFileSync(recordFile, 'utf8') : 'clock';
    note(world, `died at ${died}`);
  } else {
    if (!house.gateway.running) house.gateway.start();
    await ready(house);
    setDisk(world, disk);
    await pause(random);
  }
  note(world, `disk ${disk}`);
  note(world, `line ${line}`);
  return `disk ${disk}, line ${line}${kills ? ', killed' : ''}`;
}

/** Where that bug shows: blocks arrive, their acknowledgements do not, and the budget runs out. */
async function goDeaf(world: World, cycle: number): Promise<string> {
  const isDeaf = cycle % 2 === 1;
  setLine(world, isDeaf ? 'deaf' : 'whole');
  if (!isDeaf) world.line.reset();
  await new Promise((resolve) => setTimeout(resolve, isDeaf ? DEAF_MS : PATIENCE_MS_MAX));
  return isDeaf ? 'line deaf' : 'line whole';
}

function setLine({ line }: World, state: (typeof LINES)[number]): void {
  line.heal();
  if (state === 'cut') {
    line.cut();
    // The gateway knows that it is offline: what comes from now on was never sent.
    line.reset();
  }
  // Blocks still arrive, but nothing comes back: they may have been sent.
  if (state === 'deaf') line.cut(['down']);
}

function setDisk({ volume, random }: World, state: (typeof DISKS)[number]): void {
  if (state === 'free') volume.free();
  else volume.fill(state === 'full' ? 0 : random.int(512) * KIB);
}

async function reserved({ dir }: House): Promise<void> {
  const file = join(dir, 'gateway', 'reserve');
  await eventually('the reserve', () => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
}

/** It answers, or it is dead already because it was doomed. */
async function ready({ gateway, pagesUrl }: House): Promise<void> {
  await eventually(
    'the gateway to start, however full its disk is',
    async () => {
      if (!gateway.running) return true;
      return (await fetch(`${pagesUrl}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok;
    },
    READY_TIMEOUT_MS,
  );
  const code = gateway.exitCode;
  if (!gateway.running && code !== null && code !== 0)
    throw new Error(`the gateway did not start: ${gateway.log().slice(-2_000)}`);
}

function pause(random: Random): Promise<void> {
  const ms = random.int(PATIENCE_MS_MAX);
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function note({ events }: World, event: string): void {
  events.set(event, (events.get(event) ?? 0) + 1);
}

/** The disk has room and the line is whole again: everything drains without a restart. */
async function concludeRun(world: World, load: Load, drainTimeoutMs: number): Promise<Verdict> {
  const { house } = world;
  setLine(world, 'whole');
  if (!house.gateway.running) house.gateway.start();
  await ready(house);
  world.volume.free();
  await load.settle();
  let lanes: readonly LaneView[] = [];
  const drained = eventually(
    'everything to arrive',
    async () => {
      const own = await fetch(`${house.pagesUrl}/v1/status`);
      const status = (await own.json()) as { lanes: LaneView['ledger'][] };
      const page = await house.json<{ items: { lanes: LaneView[] }[] }>('/v1/gateways');
      lanes = page.items[0]?.lanes.filter((lane) => lane.ledger) ?? [];
      const isReported = lanes.every(({ ledger }, at) =>
        (['accepted', 'condensed', 'dropped', 'delivered'] as const).every(
          (name) => ledger[name] === status.lanes[at]?.[name],
        ),
      );
      return isReported && lanes.length === status.lanes.length && lanes.every(isWhole);
    },
    drainTimeoutMs,
  );
  // With a bug in it the house may never drain; then the audit says what is missing.
  await drained.catch(() => {});
  const devices = new Set(load.sent.map((message) => message.device));
  return audit({ sent: load.sent, items: await readItems(house, devices), lanes });
}

function isWhole({ ledger, cloud }: LaneView): boolean {
  const { pending, accepted, dropped, parked, damaged } = ledger;
  return pending === 0 && cloud.held === accepted - dropped - parked - damaged;
}
