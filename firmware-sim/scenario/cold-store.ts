import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { drawHabits, drawMishap, type FaultSet, type Habits, type Mishap } from './faults.ts';
import { CHILLER, FREEZER, Room } from './room.ts';
import { SENSORS_PER_ROOM, type Sensor, sensorsOf } from './sensor.ts';

export type Qos = 0 | 1 | 2;
export const QOS_CHOICES = ['mixed', 0, 1, 2] as const;
export type QosChoice = (typeof QOS_CHOICES)[number];

export interface ColdStoreOptions {
  readonly seed: number;
  readonly deviceCount: number;
  /** Readings per second, of all devices together. */
  readonly rate: number;
  readonly faults: FaultSet;
  readonly qos: QosChoice;
}

/** What a device does, at a time since the start of the scenario. */
export type Emission =
  | (Message & { readonly kind: 'message' })
  /** The device's line is cut, without a DISCONNECT. */
  | {
      readonly kind: 'cut';
      readonly atMs: number;
      readonly device: string;
      readonly awayMs: number;
    };

export interface Message {
  readonly atMs: number;
  readonly device: string;
  readonly topic: string;
  /** The channel of a reading; absent for an event. */
  readonly channel?: string;
  readonly event?: string;
  readonly value: string;
  readonly unit?: string | undefined;
  readonly qos: Qos;
  /** What the device's own clock shows, against the start; undefined when it counts from 1970. */
  readonly clockOffsetMs: number | undefined;
  /** The device's own key; absent when it sends none. `boot` counts its starts from 1. */
  readonly key?: { readonly boot: number; readonly seq: number };
}

export const DEVICES_MAX = 1_000;
export const RATE_MAX = 20_000;
/** Of ten rooms, so many are freezers; the others are chillers. */
const FREEZERS_OF_TEN = 6;
const STEP_MS = 1_000;
/**
 * Each room, its sensors and each device draw from a stream of their own, so that none moves
 * another.
 */
const STREAMS = { room: 0, sensors: 2_000, device: 4_000 };
const SEED_STRIDE = 10_007;

/** Names of the scenario's devices, without running it. */
export function coldStoreDevices(options: ColdStoreOptions): string[] {
  return buildDevices(options).devices.map(({ sensor }) => sensor.device);
}

/**
 * Cold rooms with five sensors each, without an end. Pure: the same options give the same
 * emissions, in order of time, whatever the speed at which they are taken.
 */
export function* coldStore(options: ColdStoreOptions): Generator<Emission> {
  const { rooms, devices } = buildDevices(options);
  // Devices take turns at equal distances, so reading n is due at n / rate, whatever the device.
  const slotMs = 1_000 / options.rate;
  for (let slot = 0, second = 0; ; slot++) {
    const atMs = slot * slotMs;
    for (; second * STEP_MS <= atMs; second++) yield* stepRooms({ rooms, devices, second });
    yield* devices[slot % devices.length]!.report(atMs);
  }
}

interface Building {
  readonly rooms: readonly Room[];
  readonly devices: readonly Device[];
}

function buildDevices(options: ColdStoreOptions): Building {
  const rooms: Room[] = [];
  const devices: Device[] = [];
  const periodMs = (1_000 / options.rate) * options.deviceCount;
  const draw = (index: number, what: keyof typeof STREAMS): Random =>
    seededRandom(options.seed * SEED_STRIDE + STREAMS[what] + index);
  for (let index = 0; devices.length < options.deviceCount; index++) {
    const room = new Room(index % 10 < FREEZERS_OF_TEN ? FREEZER : CHILLER, draw(index, 'room'));
    rooms.push(room);
    const name = `cold-${String(index + 1).padStart(2, '0')}`;
    for (const [place, sensor] of sensorsOf(name, draw(index, 'sensors')).entries()) {
      const random = draw(index * SENSORS_PER_ROOM + place, 'device');
      devices.push(new Device({ sensor, room, random, periodMs, options }));
    }
  }
  return { rooms, devices: devices.slice(0, options.deviceCount) };
}

/** A door reports at once when it moves: as a reading, and as an event. */
function* stepRooms(now: Building & { second: number }): Generator<Emission> {
  const wasOpen = now.rooms.map(({ isOpen }) => isOpen);
  for (const room of now.rooms) room.step();
  for (const device of now.devices) {
    const index = now.rooms.indexOf(device.room);
    if (device.sensor.channel !== 'door' || wasOpen[index] === device.room.isOpen) continue;
    yield* device.announce(now.second * STEP_MS, device.room.isOpen);
  }
}

interface DeviceParts {
  readonly sensor: Sensor;
  readonly room: Room;
  readonly random: Random;
  readonly periodMs: number;
  readonly options: ColdStoreOptions;
}

class Device {
  readonly sensor: Sensor;
  readonly room: Room;
  readonly #parts: DeviceParts;
  readonly #habits: Habits;
  #boot = 1;
  #seq = 0;
  #silentUntilMs = 0;

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.sensor = parts.sensor;
    this.room = parts.room;
    this.#habits = drawHabits(parts.options.faults, parts.random);
  }

  *report(atMs: number): Generator<Emission> {
    const { options, periodMs, random } = this.#parts;
    const { isKeyed } = this.#habits;
    const mishap = drawMishap(options.faults, { isKeyed, periodMs, random });
    if (atMs < this.#silentUntilMs) return;
    yield* this.#suffer(mishap, atMs);
    if (mishap.silentMs === 0) yield* this.#say(atMs, mishap.isTwice ? 2 : 1);
  }

  *announce(atMs: number, isOpen: boolean): Generator<Emission> {
    if (atMs < this.#silentUntilMs) return;
    yield* this.#say(atMs, 1);
    const event = isOpen ? 'door.opened' : 'door.closed';
    yield this.#message({ atMs, event, value: String(isOpen) });
  }

  *#say(atMs: number, times: number): Generator<Emission> {
    const message = this.#message({ atMs, value: this.sensor.read(this.room) });
    for (let time = 0; time < times; time++) yield message;
  }

  *#suffer({ cutMs, silentMs, isReboot }: Mishap, atMs: number): Generator<Emission> {
    if (cutMs > 0) yield { kind: 'cut', atMs, device: this.sensor.device, awayMs: cutMs };
    this.#silentUntilMs = atMs + silentMs;
    if (!isReboot) return;
    this.#boot++;
    this.#seq = 0;
  }

  #message(content: { atMs: number; value: string; event?: string }): Emission {
    const { device, channel, unit } = this.sensor;
    const { clockOffsetMs, isKeyed } = this.#habits;
    const isEvent = content.event !== undefined;
    this.#seq++;
    return {
      kind: 'message',
      ...content,
      device,
      topic: isEvent ? `devices/${device}/event` : `devices/${device}/telemetry/${channel}`,
      ...(isEvent ? {} : { channel, unit }),
      qos: this.#drawQos(),
      clockOffsetMs,
      ...(isKeyed ? { key: { boot: this.#boot, seq: this.#seq } } : {}),
    };
  }

  /** Mostly 1, as sensors do; a tenth each with 0 and 2. */
  #drawQos(): Qos {
    const { options, random } = this.#parts;
    const drawn = random.int(10);
    if (options.qos !== 'mixed') return options.qos;
    if (drawn === 0) return 0;
    return drawn === 1 ? 2 : 1;
  }
}
