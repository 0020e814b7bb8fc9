import { join } from 'node:path';
import type { AcceptedMessage } from '@holdfast/edge/buffer/buffer.ts';
import { deviceKeyOf } from '@holdfast/edge/devices/device-key.ts';
import { createRouter } from '@holdfast/edge/devices/routes.ts';
import { payloadOf, type Reading } from '@holdfast/firmware-sim/payload.ts';
import { readRecording } from '@holdfast/firmware-sim/recording/recording-file.ts';
import { topicLevel } from '@holdfast/firmware-sim/recording/topic-level.ts';
import { coldStore, type Message } from '@holdfast/firmware-sim/scenario/cold-store.ts';
import { ALL_FAULTS } from '@holdfast/firmware-sim/scenario/faults.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';

const SEED = 20_261_122;
const COLD_STORE_DEVICES = 50;
const RECORDING = 'sensors-dev.csv';
/** How late a message arrives at most: devices and networks are no metronome. */
const JITTER_MS_MAX = 20;

/** A message of a sensor, and when the gateway gets it. */
export interface TimedMessage {
  readonly atMs: number;
  readonly message: AcceptedMessage;
}

export interface SensorLoad {
  readonly perSecond: number;
  /** Wall time of the start. */
  readonly startMs: number;
  /** A folder with recordings; without it the simulated cold store, as the simulator sends it. */
  readonly recordings?: string | undefined;
}

/** Endless, in order of time. The same load gives the same messages. */
export function sensorMessages(load: SensorLoad): AsyncGenerator<TimedMessage> {
  return load.recordings === undefined ? simulated(load) : recorded(load, load.recordings);
}

async function* simulated({ perSecond, startMs }: SensorLoad): AsyncGenerator<TimedMessage> {
  const options = { seed: SEED, deviceCount: COLD_STORE_DEVICES, faults: ALL_FAULTS } as const;
  const arrivals = new Arrivals(perSecond);
  const route = createRouter();
  for (const emission of coldStore({ ...options, rate: perSecond, qos: 1 })) {
    if (emission.kind === 'cut') continue;
    const payload = payloadOf({ ...emission, ...stampOf(emission, startMs) });
    const atMs = arrivals.after(emission.atMs);
    yield { atMs, message: accepted(emission.topic, payload, route) };
  }
}

function stampOf({ clockOffsetMs, atMs, key }: Message, startMs: number) {
  const baseMs = clockOffsetMs === undefined ? 0 : startMs + clockOffsetMs;
  const ts = new Date(Math.round(baseMs + atMs)).toISOString();
  return { ts, key: key && { boot: `bench-${key.boot}`, seq: key.seq } };
}

/** The recording again and again, each row due at its turn: its own pace is not the bench's. */
async function* recorded(
  { perSecond, startMs }: SensorLoad,
  folder: string,
): AsyncGenerator<TimedMessage> {
  const arrivals = new Arrivals(perSecond);
  const route = createRouter();
  let count = 0;
  for (let pass = 1; ; pass++) {
    const sequences = new Map<string, number>();
    for await (const line of readRecording(join(folder, RECORDING))) {
      if (line.kind !== 'row') continue;
      const { device, metric, value } = line.row;
      const seq = (sequences.get(device) ?? 0) + 1;
      sequences.set(device, seq);
      const slotMs = (count++ * 1_000) / perSecond;
      const ts = new Date(Math.round(startMs + slotMs)).toISOString();
      const reading: Reading = { value, ts, key: { boot: `bench-${pass}`, seq } };
      const topic = `devices/${topicLevel(device)}/telemetry/${topicLevel(metric)}`;
      yield { atMs: arrivals.after(slotMs), message: accepted(topic, payloadOf(reading), route) };
    }
  }
}

/** Each message a little after its slot, none before the one that was sent before it. */
class Arrivals {
  readonly #random = seededRandom(SEED);
  readonly #spreadMs: number;
  #lastMs = 0;

  constructor(perSecond: number) {
    this.#spreadMs = Math.min(JITTER_MS_MAX, 500 / perSecond);
  }

  after(slotMs: number): number {
    this.#lastMs = Math.max(this.#lastMs, slotMs + this.#random.fraction() * this.#spreadMs);
    return this.#lastMs;
  }
}

/** As the broker hands it to the buffer. */
function accepted(
  topic: string,
  text: string,
  route: ReturnType<typeof createRouter>,
): AcceptedMessage {
  const payload = Buffer.from(text);
  return { ...route(topic), topic, payload, qos: 1, retain: false, key: deviceKeyOf(payload) };
}
