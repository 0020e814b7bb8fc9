import { describe, expect, it } from 'vitest';
import {
  type ColdStoreOptions,
  coldStore,
  coldStoreDevices,
  type Emission,
  type Message,
} from './cold-store.ts';
import { ALL_FAULTS, type Fault, NO_FAULTS, parseFaults } from './faults.ts';

const OPTIONS: ColdStoreOptions = {
  seed: 7,
  deviceCount: 50,
  rate: 5,
  faults: NO_FAULTS,
  qos: 'mixed',
};
const HOUR_MS = 3_600_000;

describe('the cold store', () => {
  it('has ten rooms with two thermometers, a hygrometer, a door contact and a power meter', () => {
    const devices = coldStoreDevices(OPTIONS);
    expect(devices).toHaveLength(50);
    expect(new Set(devices).size).toBe(50);
    expect(devices.slice(0, 5)).toEqual(
      ['temp-a', 'temp-b', 'humidity', 'door', 'power'].map((name) => `cold-01-${name}`),
    );
  });

  it('is the same for the same seed, and another for another', () => {
    expect(take(OPTIONS)).toEqual(take(OPTIONS));
    expect(take({ ...OPTIONS, faults: ALL_FAULTS })).toEqual(
      take({ ...OPTIONS, faults: ALL_FAULTS }),
    );
    expect(take(OPTIONS)).not.toEqual(take({ ...OPTIONS, seed: 8 }));
  });

  it('comes in order of time, at its rate, doors as they move', () => {
    const all = take(OPTIONS);
    expect(all.every(({ atMs }, n) => atMs >= (all[n - 1]?.atMs ?? 0))).toBe(true);
    const doors = messages(all).filter(({ event }) => event !== undefined);
    expect(doors.length).toBeGreaterThan(10);
    expect(messages(all).length - 2 * doors.length).toBe((HOUR_MS / 1_000) * OPTIONS.rate);
  });

  it('keeps freezers frozen and chillers cool, though doors are opened', () => {
    const freezer = valuesOf('cold-01-temp-a');
    const chiller = valuesOf('cold-07-temp-a');
    for (const [values, low, high] of [
      [freezer, -25, -10],
      [chiller, 1, 9],
    ] as const) {
      expect(Math.min(...values)).toBeGreaterThan(low);
      expect(Math.max(...values)).toBeLessThan(high);
      expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(1);
    }
    const power = valuesOf('cold-01-power');
    expect(Math.min(...power)).toBeLessThan(100);
    expect(Math.max(...power)).toBeGreaterThan(1_500);
  });

  it('gives each message of a device the next number of its key', () => {
    for (const device of coldStoreDevices(OPTIONS)) {
      const numbers = messages(take(OPTIONS))
        .filter((message) => message.device === device)
        .map(({ key }) => key?.seq);
      expect(numbers).toEqual(numbers.map((_, n) => n + 1));
    }
  });

  it('mixes the levels of QoS, mostly 1', () => {
    const share = (qos: number): number => {
      const all = messages(take(OPTIONS));
      return all.filter((message) => message.qos === qos).length / all.length;
    };
    expect(share(1)).toBeGreaterThan(0.7);
    expect(share(0)).toBeGreaterThan(0.05);
    expect(share(2)).toBeGreaterThan(0.05);
    expect(messages(take({ ...OPTIONS, qos: 2 })).every(({ qos }) => qos === 2)).toBe(true);
  });
});

describe('faults', () => {
  it('do not happen unless they are asked for', () => {
    const all = take(OPTIONS);
    expect(all.filter(({ kind }) => kind === 'cut')).toEqual([]);
    expect(messages(all).every(({ key, clockOffsetMs }) => key && clockOffsetMs === 0)).toBe(true);
    expect(repeats(all)).toEqual([]);
  });

  it('dropout: devices go silent, and some come back with a new boot that counts from 1', () => {
    const all = faulty('dropout');
    expect(all.some(({ kind }) => kind === 'cut')).toBe(true);
    const reborn = messages(all).filter(({ key }) => key!.boot > 1 && key!.seq === 1);
    expect(reborn.length).toBeGreaterThan(0);
    expect(all.length).toBeLessThan(take(OPTIONS).length);
  });

  it('reconnect: lines are cut, and nothing is left out', () => {
    const all = faulty('reconnect');
    expect(all.some(({ kind }) => kind === 'cut')).toBe(true);
    expect(messages(all)).toHaveLength(take(OPTIONS).length);
  });

  it('duplicate: messages come twice with the same key', () => {
    const twice = repeats(faulty('duplicate'));
    expect(twice.length).toBeGreaterThan(0);
    expect(twice.every(({ key }) => key !== undefined)).toBe(true);
  });

  it('unkeyed: some devices send no key, and some of their messages come twice', () => {
    const all = faulty('unkeyed');
    const unkeyed = new Set(
      messages(all)
        .filter(({ key }) => !key)
        .map(({ device }) => device),
    );
    expect(unkeyed.size).toBeGreaterThan(0);
    expect(unkeyed.size).toBeLessThan(20);
    expect(repeats(all).length).toBeGreaterThan(0);
    expect(repeats(all).every(({ key }) => key === undefined)).toBe(true);
  });

  it('skew: some clocks are wrong', () => {
    const offsets = new Set(messages(faulty('skew')).map(({ clockOffsetMs }) => clockOffsetMs));
    expect(offsets.has(0)).toBe(true);
    expect(offsets.size).toBeGreaterThan(2);
  });

  it('are named on the command line', () => {
    expect([...parseFaults('dropout, skew')]).toEqual(['dropout', 'skew']);
    expect(parseFaults('none').size).toBe(0);
    expect(parseFaults('default')).toBe(ALL_FAULTS);
    expect(() => parseFaults('dropout,hail')).toThrow(/"hail" is no fault/);
  });
});

const taken = new Map<string, Emission[]>();

/** The first hour. */
function take(options: ColdStoreOptions): Emission[] {
  const key = JSON.stringify({ ...options, faults: [...options.faults] });
  const before = taken.get(key);
  if (before) return before;
  const all: Emission[] = [];
  for (const emission of coldStore(options)) {
    if (emission.atMs >= HOUR_MS) break;
    all.push(emission);
  }
  taken.set(key, all);
  return all;
}

function faulty(fault: Fault): Emission[] {
  return take({ ...OPTIONS, faults: new Set([fault]) });
}

function messages(emissions: readonly Emission[]): Message[] {
  return emissions.filter((emission) => emission.kind === 'message');
}

function repeats(emissions: readonly Emission[]): Message[] {
  const all = messages(emissions);
  return all.filter((message, n) => n > 0 && message === all[n - 1]);
}

function valuesOf(device: string): number[] {
  return messages(take(OPTIONS))
    .filter((message) => message.device === device && message.channel !== undefined)
    .map(({ value }) => Number(value));
}
