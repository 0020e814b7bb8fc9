import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ScriptedBroker, scriptedBroker } from './link/broker.fixture.ts';
import { type ReplayOptions, replay } from './replay.ts';

const HEADER = 'ts_iso,device,metric,value';
const folder = mkdtempSync(join(tmpdir(), 'holdfast-replay-'));
const csv = join(folder, 'recording.csv');
let broker: ScriptedBroker;

beforeEach(async () => {
  broker = await scriptedBroker();
});
afterEach(() => broker.close());
afterAll(() => rmSync(folder, { recursive: true }));

describe('a replay', () => {
  it('publishes what was recorded, in its order, with its times and digits', async () => {
    write(
      '2020-05-05T07:17:51Z,freezer,temperature_c,-29.510',
      '2020-05-05T07:17:51Z,freezer,door,true',
      '2020-05-05T07:17:52Z,drawer,humidity_pct,43',
    );
    const summary = await play();
    expect(topics()).toEqual([
      'devices/freezer/telemetry/temperature_c',
      'devices/freezer/telemetry/door',
      'devices/drawer/telemetry/humidity_pct',
    ]);
    expect(texts()[0]).toMatch(
      /^\{"value":-29\.510,"ts":"2020-05-05T07:17:51Z","boot":"\w+","seq":1}$/,
    );
    expect(payloads().map(({ value, seq }) => [value, seq])).toEqual([
      [-29.51, 1],
      [true, 2],
      [43, 1],
    ]);
    expect(summary).toMatchObject({ rows: 3, malformed: 0, acknowledged: 3, notAcknowledged: 0 });
  });

  it('keeps the order of many rows as fast as they are acknowledged', async () => {
    write(...Array.from({ length: 3_000 }, (_, n) => `2020-05-05T07:17:51Z,d${n % 7},n,${n}`));
    await play();
    expect(payloads().map(({ value }) => value)).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n),
    );
  });

  it('leaves malformed rows out, counts them, and names line and column', async () => {
    write('2020-05-05T07:17:51Z,a,b,1', '2020-05-05T07:17:51Z,a,b,x', '2020-05-05T07:17:51Z,a,b,2');
    const notes: string[] = [];
    const summary = await play({ onNote: (note) => notes.push(note) });
    expect(payloads().map(({ value }) => value)).toEqual([1, 2]);
    expect(summary).toMatchObject({ rows: 2, malformed: 1 });
    expect(notes).toEqual([expect.stringMatching(/recording\.csv:3: column 4 \(value\): "x"/)]);
  });

  it('ends at a malformed row when it is strict', async () => {
    write('2020-05-05T07:17:51Z,a,b,x');
    await expect(play({ strict: true })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining(':2: column 4 (value)'),
    });
  });

  it('gives the same keys to the same run, and others to another', async () => {
    write('2020-05-05T07:17:51Z,a,b,1', '2020-05-05T07:17:51Z,c,b,1');
    await play({ runId: 'one' });
    await play({ runId: 'one' });
    await play({ runId: 'two' });
    const [a1, c1, a2, c2, a3] = payloads().map(({ boot }) => boot);
    expect([a2, c2]).toEqual([a1, c1]);
    expect(new Set([a1, c1, a3]).size).toBe(3);
  });

  it('moves the times to now, and keeps their distances at its speed', async () => {
    write('2006-01-01T00:00:00Z,a,b,1', '2006-01-01T00:00:01Z,a,b,2', '2020-01-01T00:00:00Z,a,b,3');
    const before = Date.now();
    await play({ now: true, speed: 100 });
    const times = payloads().map(({ ts }) => Date.parse(ts));
    expect(times[0]).toBeGreaterThanOrEqual(before);
    expect(times[1]! - times[0]!).toBe(10);
    expect(times[2]! - times[1]!).toBe(10);
  });

  it('begins again with other keys until the signal, and acknowledges all', async () => {
    write('2020-05-05T07:17:51Z,a,b,1', '2020-05-05T07:17:52Z,a,b,2');
    const ending = new AbortController();
    const done = play({ loop: true, speed: 100, signal: ending.signal });
    await vi.waitFor(() => expect(broker.publishes.length).toBeGreaterThan(5));
    ending.abort(new Error('enough'));
    expect((await done).notAcknowledged).toBe(0);
    const keys = payloads().map(({ boot, seq }) => `${boot}/${seq}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('does not turn for ever over an empty recording', async () => {
    write();
    await expect(play({ loop: true })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('makes names safe for topics', async () => {
    write('2020-05-05T07:17:51Z,a/b,c+d#,1');
    await play();
    expect(topics()).toEqual(['devices/a%2Fb/telemetry/c%2Bd%23']);
  });

  it('names a recording that is not there before it looks for a broker', async () => {
    await broker.close();
    const missing = play({ csv: join(folder, 'none.csv') });
    await expect(missing).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await broker.reopen();
  });
});

interface Payload {
  readonly value: number | boolean;
  readonly ts: string;
  readonly boot: string;
  readonly seq: number;
}

function play(options: Partial<ReplayOptions> = {}) {
  return replay({
    csv,
    url: broker.url,
    speed: 'max',
    loop: false,
    now: false,
    strict: false,
    runId: 'run',
    clock: systemClock,
    random: seededRandom(1),
    ...options,
  });
}

function write(...rows: readonly string[]): void {
  writeFileSync(csv, [HEADER, ...rows, ''].join('\n'));
}

function topics(): string[] {
  return broker.publishes.map(({ topic }) => topic);
}

function texts(): string[] {
  return broker.publishes.map(({ payload }) => payload.toString());
}

function payloads(): Payload[] {
  return texts().map((text) => JSON.parse(text) as Payload);
}
