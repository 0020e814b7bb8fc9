import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, startHouse } from './house.ts';
import { connectNumbered, NUMBERED_METRIC, type NumberedDevice } from './mqtt-client.ts';
import { allReadings, type LaneView, latest, telemetryLane } from './readings.ts';

const OUTAGE_SECONDS = Number(process.env.HOLDFAST_OUTAGE_SECONDS ?? 4);
const DEVICES = 10;
/**
 * Each message has further fields of noise: a backlog that neither compresses nor is applied in a
 * moment.
 */
const NOISE_FIELDS = 12;
const BACKLOG_MESSAGES_MIN = 30_000;
const BURST_MESSAGES = 100;
const STEADY_PERIOD_MS = 100;
/** So slow that the gap is seen closing, whatever the machine. */
const LINE = { bytesPerSecond: 600_000 };
const LIVE_DEVICE = 'outage-live';
const TIMEOUT_MS = 120_000;

let house: House;
let devices: readonly NumberedDevice[];
let live: NumberedDevice;
beforeAll(async () => {
  house = await startHouse({ line: LINE });
  const ids = Array.from({ length: DEVICES }, (_, at) => `outage-${at}`);
  devices = await Promise.all(ids.map((id) => connectNumbered(house, id)));
  live = await connectNumbered(house, LIVE_DEVICE);
});
afterAll(async () => {
  await Promise.all([...(devices ?? []), live].map((device) => device?.close()));
  await house?.close();
});

const random = seededRandom(1);
const noise = (): Record<string, number> =>
  Object.fromEntries(
    Array.from({ length: NOISE_FIELDS }, (_, at) => [`noise-${at}`, random.fraction()]),
  );

const publishEach = (messages: number): Promise<unknown> =>
  Promise.all(
    devices.flatMap((device) => Array.from({ length: messages }, () => device.publish(1, noise()))),
  );

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every device goes on at its pace until told to stop, whatever happens to the cloud. */
function startSteadily(): () => Promise<void> {
  let isOver = false;
  const run = async (): Promise<void> => {
    while (!isOver) {
      await Promise.all([publishEach(1), live.publish(1)]);
      await sleep(STEADY_PERIOD_MS);
    }
  };
  const running = run();
  return () => {
    isOver = true;
    return running;
  };
}

async function liveValue(): Promise<number> {
  return (await latest(house, LIVE_DEVICE))?.get(NUMBERED_METRIC)?.value ?? 0;
}

/** The cloud is killed, and what is published meanwhile stays on the gateway. */
async function outage(): Promise<void> {
  await house.cloud.kill();
  const endsAt = performance.now() + OUTAGE_SECONDS * 1000;
  for (let sent = 0; sent < BACKLOG_MESSAGES_MIN; sent += DEVICES * BURST_MESSAGES) {
    await publishEach(BURST_MESSAGES);
  }
  await sleep(Math.max(0, endsAt - performance.now()));
  house.cloud.start();
  await house.cloudReady();
}

/** Watches the lane until the cloud has all of it, and returns what it saw. */
async function watchBacklogClose(): Promise<readonly LaneView[]> {
  const seen: LaneView[] = [];
  await eventually(
    'the gap is closed',
    async () => {
      const lane = await telemetryLane(house);
      if (lane) seen.push(lane);
      return lane?.cloud.openRanges === 0 && lane.backlog === 0 && lane.lag === 0 && wasOpen();
    },
    TIMEOUT_MS,
  );
  return seen;

  // Before its first report the cloud shows what it knew when it was killed.
  function wasOpen(): boolean {
    return seen.some((lane) => (lane.backlog ?? 0) > 0);
  }
}

it('live readings come first after an outage, the gap closes, and none is missing', async () => {
  await publishEach(10);
  const stop = startSteadily();
  await outage();
  const returnedAt = performance.now();
  const firstAfterReturn = live.last + 1;
  const closing = watchBacklogClose();

  await eventually('a live reading', async () => (await liveValue()) >= firstAfterReturn, 60_000);
  const delayMs = Math.round(performance.now() - returnedAt);
  const atFirstLive = await telemetryLane(house);
  const seen = await closing;
  const closedMs = Math.round(performance.now() - returnedAt);
  process.stdout.write(
    `after ${OUTAGE_SECONDS} s without the cloud: live after ${delayMs} ms, ` +
      `gap of ${maxBacklog(seen)} closed after ${closedMs} ms\n`,
  );
  expect(atFirstLive?.cloud.openRanges, 'the gap is open when live readings are there').toBe(1);
  expectShrinking(seen);

  await stop();
  await expectAllInOrder();
});

function maxBacklog(seen: readonly LaneView[]): number {
  return Math.max(...seen.map((lane) => lane.backlog ?? 0));
}

/** As a person sees it on /v1/gateways. */
function expectShrinking(seen: readonly LaneView[]): void {
  const backlogs = seen.map((lane) => lane.backlog ?? 0);
  const known = backlogs.slice(backlogs.findIndex((backlog) => backlog > 0));
  expect(known[0]).toBeGreaterThanOrEqual(BACKLOG_MESSAGES_MIN);
  expect(known).toEqual(known.toSorted((a, b) => b - a));
  expect(new Set(known).size, 'steps that were seen').toBeGreaterThan(2);
}

async function expectAllInOrder(): Promise<void> {
  for (const device of [...devices, live]) {
    const readings = await eventually(`all of ${device.id}`, async () => {
      const found = await allReadings(house, device.id, NUMBERED_METRIC);
      return found.length >= device.last && found;
    });
    const values = readings.map((reading) => reading.value);
    expect(values, device.id).toEqual(Array.from({ length: device.last }, (_, at) => at + 1));
    const sequences = readings.map((reading) => reading.sequence);
    expect(sequences, device.id).toEqual(sequences.toSorted((a, b) => a - b));
  }
}
