import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockRecord, type Message } from './blocks.fixture.ts';
import { TestConsumer, TestDatabase } from './databases.fixture.ts';
import { HOUR_MICROS, MINUTE_MICROS } from './domain/reading.ts';
import { foldHour, hoursToFold } from './store/fold.ts';
import { SeriesReader } from './store/readings.fixture.ts';
import type { Bucket } from './store/roll-ups.ts';

const DATA = process.env['HOLDFAST_DATA'];
const title = DATA
  ? 'a recording of real sensors'
  : 'a recording of real sensors, skipped: HOLDFAST_DATA is not set';
const RECORDS_PER_BLOCK = 4_096;
const TIMEOUT_MS = 120_000;

interface Row {
  readonly device: string;
  readonly metric: string;
  readonly ts: string;
  readonly value: number;
  readonly sequence: number;
}

function rowsOf(folder: string): Row[] {
  const [, ...lines] = readFileSync(join(folder, 'sensors-dev.csv'), 'utf8').trimEnd().split('\n');
  return lines.map((line, index) => {
    const [ts, device, metric, value] = line.split(',') as [string, string, string, string];
    return { ts, device, metric, value: Number(value), sequence: index + 1 };
  });
}

function messageOf({ device, metric, ts, value }: Row, index: number): Message {
  return { device, channel: metric, payload: { value, ts }, atMicros: index * 200 };
}

/** By the definition, from the file alone. */
function recomputed(rows: readonly Row[], bucketMicros: number) {
  const timed = rows
    .map((row) => ({ ...row, time: Date.parse(row.ts) * 1000 }))
    .sort((a, b) => a.time - b.time || a.sequence - b.sequence);
  const buckets = Map.groupBy(timed, ({ time }) => time - (time % bucketMicros));
  return [...buckets].map(([start, own]) => {
    const values = own.map((row) => row.value);
    return {
      start,
      count: values.length,
      sum: values.reduce((sum, value) => sum + value, 0),
      min: Math.min(...values),
      max: Math.max(...values),
      first: values[0],
      last: values.at(-1),
    };
  });
}

function flat({ start, summary }: Bucket) {
  const { count, min, max, sum, first, last } = summary;
  return { start, count, sum, min, max, first: first.value, last: last.value };
}

describe.skipIf(!DATA)(title, () => {
  it('gives the same readings and summaries as a recomputation', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const database = new TestDatabase('sqlite');
    const sql = await database.open();
    const consumer = new TestConsumer(sql);
    const rows = rowsOf(DATA!);
    for (let from = 0; from < rows.length; from += RECORDS_PER_BLOCK) {
      const some = rows.slice(from, from + RECORDS_PER_BLOCK);
      const messages = some.map((row, index) => messageOf(row, from + index));
      await consumer.deliver([blockRecord(messages, { first: from + 1 })]);
    }
    // Half of what there is folded, half not: neither may show.
    const hours = await hoursToFold(sql, { now: 2n ** 60n, restMicros: 0n });
    for (const hour of hours) await foldHour(sql, hour, 1n);
    for (const own of Map.groupBy(rows, (row) => `${row.device}/${row.metric}`).values()) {
      const reader = await SeriesReader.of(sql, own[0]!);
      const readings = await reader.bySequence(10_000);
      expect(readings.map(({ sequence, content }) => [sequence, content])).toEqual(
        own.map(({ sequence, value }) => [sequence, value]),
      );
      for (const [resolution, micros] of [
        ['1m', MINUTE_MICROS],
        ['1h', HOUR_MICROS],
      ] as const) {
        const found = (await reader.buckets(resolution, 100_000)).map(flat);
        const expected = recomputed(own, micros);
        expect(found.map(({ sum: _, ...rest }) => rest)).toEqual(
          expected.map(({ sum: _, ...rest }) => rest),
        );
        for (const [index, { sum }] of found.entries()) {
          expect(sum).toBeCloseTo(expected[index]!.sum, 6);
        }
      }
    }
    await database.dispose();
  });
});
