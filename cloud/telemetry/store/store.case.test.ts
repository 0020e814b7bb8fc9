import { positionOf } from '@holdfast/shared/domain/position-text.ts';
import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../platform/event-log/event-log.ts';
import { BEGIN, blockRecord, type Message } from '../blocks.fixture.ts';
import { TestConsumer, type TestDatabase } from '../databases.fixture.ts';
import { databaseForEach, onEachDatabase } from '../each-database.fixture.ts';
import { foldHour, hoursToFold } from './fold.ts';
import { foldAll, LATER, SeriesReader } from './readings.fixture.ts';
import { forgetMinutes, forgetReadings } from './retention.ts';
import type { TelemetryTables } from './tables.ts';
import { takeUpkeep } from './upkeep-lease.ts';

const HOUR = 3_600_000_000n;
const NAME = { device: 'cold-01', metric: 't' };

function messages(values: readonly number[], gapMicros = 1_000_000): Message[] {
  return values.map((payload, index) => ({ channel: 't', payload, atMicros: index * gapMicros }));
}

onEachDatabase('telemetry store', (technology) => {
  let database: TestDatabase;
  let sql: Sql<TelemetryTables>;
  let consumer: TestConsumer;
  databaseForEach(technology, (opened) => {
    ({ database, sql, consumer } = opened);
  });

  const all = <T extends keyof TelemetryTables>(table: T) =>
    sql.read((db) =>
      db
        .selectFrom(table as 'parts')
        .selectAll()
        .execute(),
    );
  const values = async (): Promise<unknown[]> => {
    const reader = await SeriesReader.of(sql, NAME);
    return (await reader.bySequence()).map((reading) => reading.content);
  };

  it('stores a block once, however often it is delivered', async () => {
    const record = blockRecord(messages([1, 2, 3]));
    await consumer.deliver([record]);
    await consumer.deliver([record, record], 1);
    await new TestConsumer(sql).deliver([record], 3);
    expect(await values()).toEqual([1, 2, 3]);
    expect(await consumer.runtime.metrics.text()).toContain(
      'holdfast_telemetry_records_total{outcome="repeat"} 6',
    );
  });

  it('takes blocks in any order and keeps readings, positions and latest state', async () => {
    await consumer.deliver([blockRecord(messages([7, 8, 9]), { first: 7 })]);
    await consumer.deliver([blockRecord(messages([1, 2, 3]), { first: 1 })]);
    const [stream] = await sql.read((db) => db.selectFrom('streams').selectAll().execute());
    const ranges = [{ first: 7n, last: 9n }];
    expect(positionOf(stream!)).toEqual({ contiguous: 3n, ranges });
    await consumer.deliver([blockRecord(messages([4, 5, 6]), { first: 4 })]);
    expect(await values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const latest = await sql.read((db) => db.selectFrom('latest').selectAll().execute());
    expect(latest.map((row) => [row.sequence, row.value])).toEqual([[9n, 9]]);
  });

  it('parks a block that is held in part, with its bytes, once, and goes on', async () => {
    const partly = blockRecord(messages([3, 4]), { first: 3 });
    await consumer.deliver([
      blockRecord(messages([1, 2, 3])),
      partly,
      blockRecord(messages([4]), { first: 4 }),
    ]);
    await consumer.deliver([partly], 1);
    const parked = await sql.read((db) => db.selectFrom('parked').selectAll().execute());
    expect(parked.length).toBe(1);
    expect(parked[0]).toMatchObject({
      reason: 'partly_covered',
      gateway_id: 'gw_1',
      lane: 'telemetry',
      first_sequence: 3n,
      record_count: 2n,
    });
    expect(Buffer.from(parked[0]!.body).equals(partly.value)).toBe(true);
    expect(await values()).toEqual([1, 2, 3, 4]);
  });

  it('parks what cannot be read and goes on with the lane', async () => {
    const good = blockRecord(messages([1]));
    const bad: LogRecord[] = [
      blockRecord(messages([2]), { first: 2, spoil: { checksum: Buffer.alloc(16) } }),
      { ...good, headers: {} },
      { ...good, value: Buffer.from('garbage') },
      { ...good, headers: { ...good.headers, ce_tenant: 'a\0b' } },
    ];
    await consumer.deliver([...bad, good]);
    await consumer.deliver(bad);
    const parked = await sql.read((db) =>
      db.selectFrom('parked').select('reason').orderBy('id').execute(),
    );
    expect(parked.map((row) => row.reason)).toEqual([
      'checksum',
      'unreadable',
      'unreadable',
      'unreadable',
    ]);
    expect(await values()).toEqual([1]);
  });

  it('parks a block that the database refuses, and nothing else of its delivery', async () => {
    const refusing = new TestConsumer({
      ...sql,
      read: sql.read,
      transaction: (work) =>
        sql.transaction(async (tx) => {
          const result = await work(tx);
          const row = await tx
            .selectFrom('latest')
            .select('value')
            .where('value', '=', 666)
            .execute();
          if (row.length > 0) throw new Error('a constraint that nobody thought of');
          return result;
        }),
    });
    await refusing.deliver([
      blockRecord(messages([1])),
      blockRecord(messages([2]), { first: 2 }),
      blockRecord(messages([666]), { first: 3 }),
    ]);
    expect(await values()).toEqual([1, 2]);
    const parked = await sql.read((db) => db.selectFrom('parked').selectAll().execute());
    expect(parked).toMatchObject([
      { reason: 'refused', first_sequence: 3n, detail: 'a constraint that nobody thought of' },
    ]);
  });

  it('passes an operating error on, so that the log delivers again', async () => {
    await sql.close();
    const failing = consumer.deliver([blockRecord(messages([1]))]);
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('stores names, payloads and text that a database could choke on', async () => {
    const odd: Message[] = [
      { device: 'd'.repeat(5_000), channel: 't', payload: 1 },
      { device: 'nul', channel: 'a\0b', payload: 1 },
      { channel: 't', payload: Buffer.from([0, 255, 0]) },
      { channel: 't', payload: { 'field\0': 1, '\ud800': 2, ok: 'text\0' } },
    ];
    await consumer.deliver([blockRecord(odd)]);
    const series = await sql.read((db) => db.selectFrom('series').selectAll().execute());
    expect(series.length).toBe(6);
    expect((await all('parked')).length).toBe(0);
  });

  it('notes how far the log is applied, in the same transaction', async () => {
    await consumer.deliver([blockRecord(messages([1])), blockRecord(messages([1]))], 41);
    const rows = await sql.read((db) => db.selectFrom('log_positions').selectAll().execute());
    expect(rows).toMatchObject([
      { topic: 'telemetry.batches', log_partition: 0n, next_offset: 43n },
    ]);
  });

  it('stores nothing of a delivery that dies before its commit', async () => {
    const reach = (step: string): void => {
      if (step === 'telemetry.batch.before-commit') throw new Error('killed');
    };
    const dying = new TestConsumer(sql, testRuntime({ steps: { reach } }));
    const record = blockRecord(messages([1, 2]));
    await expect(dying.deliver([record])).rejects.toThrow('killed');
    for (const table of ['parts', 'latest', 'streams', 'series', 'log_positions'] as const) {
      expect(await all(table)).toEqual([]);
    }
    await consumer.deliver([record]);
    expect(await values()).toEqual([1, 2]);
  });

  it('applies once what two members deliver at the same time', async () => {
    const records = Array.from({ length: 20 }, (_, index) =>
      blockRecord(messages([index * 2, index * 2 + 1]), { first: index * 2 + 1 }),
    );
    const other = new TestConsumer(await database.open());
    for (const record of records) {
      await Promise.all([consumer.deliver([record]), other.deliver([record])]);
    }
    expect(await values()).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  describe('reading', () => {
    /** Repeated, backward and faraway times; two incarnations; several parts per hour. */
    const scattered = async (): Promise<void> => {
      const random = seededRandom(7);
      for (const incarnation of ['01a', '01b']) {
        for (let first = 1; first <= 400; first += 20) {
          const some = Array.from({ length: 20 }, (_, index) => {
            const ts = rfc3339(BEGIN - random.int(30_000) * 1_000_000);
            return { channel: 't', payload: { value: first + index, ts } };
          });
          await consumer.deliver([blockRecord(some, { first, incarnation })]);
        }
      }
    };
    const key = (reading: { time: number; sequence: number; streamId: bigint }) =>
      [reading.time, reading.sequence, Number(reading.streamId)].join();

    it('pages in either order without gap or repeat, folded or not', async () => {
      await scattered();
      const reader = await SeriesReader.of(sql, NAME);
      const bySequence = await reader.bySequence();
      expect(bySequence.map((reading) => reading.sequence)).toEqual(
        [...Array(800).keys()].map((index) => (index % 400) + 1),
      );
      const byTime = [...bySequence].sort(
        (a, b) => a.time - b.time || a.sequence - b.sequence || Number(a.streamId - b.streamId),
      );
      for (const state of ['fresh', 'folded']) {
        if (state === 'folded') await foldAll(sql);
        for (const limit of [1_000, 37]) {
          expect((await reader.byTime(limit)).map(key)).toEqual(byTime.map(key));
          expect((await reader.bySequence(limit)).map(key)).toEqual(bySequence.map(key));
        }
      }
    });

    it('includes the begin of a range and excludes its end', async () => {
      await consumer.deliver([blockRecord(messages([0, 1, 2, 3, 4], 1_800_000_000))]);
      const reader = await SeriesReader.of(sql, NAME);
      const [from, to] = [BEGIN + 1_800_000_000, BEGIN + 3 * 1_800_000_000];
      for (const found of [
        await reader.byTime(10, from, to),
        await reader.bySequence(10, from, to),
      ]) {
        expect(found.map((reading) => reading.content)).toEqual([1, 2]);
      }
    });
  });

  describe('folding', () => {
    it('changes no reading and no summary, also when more comes to a folded hour', async () => {
      const reader = async () => SeriesReader.of(sql, NAME);
      for (let first = 1; first <= 300; first += 30) {
        const some = Array.from({ length: 30 }, (_, index) => ({
          channel: 't',
          payload: (first * 7 + index * 13) % 100,
          atMicros: ((first * 31 + index * 17) % 9_000) * 1_000_000,
        }));
        await consumer.deliver([blockRecord(some, { first })]);
        if (first % 60 === 1) await foldAll(sql);
      }
      const before = {
        readings: await (await reader()).byTime(),
        minutes: await (await reader()).buckets('1m'),
        hours: await (await reader()).buckets('1h'),
      };
      await foldAll(sql);
      expect((await sql.read((db) => db.selectFrom('parts').select('id').execute())).length).toBe(
        3,
      );
      expect(await (await reader()).byTime()).toEqual(before.readings);
      expect(await (await reader()).buckets('1m')).toEqual(before.minutes);
      expect(await (await reader()).buckets('1h')).toEqual(before.hours);
      expect(before.hours.reduce((sum, { summary }) => sum + summary.count, 0)).toBe(300);
      const part = await (await reader()).buckets('1m', 10);
      expect(part).toEqual(before.minutes.slice(0, 10));
    });

    it('counts every reading once when two fold the same hour', async () => {
      for (let first = 1; first <= 50; first++) {
        await consumer.deliver([blockRecord(messages([first]), { first })]);
      }
      const [hour] = await hoursToFold(sql, { now: LATER, restMicros: 0n });
      const other = await database.open();
      const outcomes = await Promise.all([foldHour(sql, hour!, 1n), foldHour(other, hour!, 1n)]);
      expect(outcomes).toContain('folded');
      const [bucket] = await (await SeriesReader.of(sql, NAME)).buckets('1h');
      expect(bucket!.summary.count).toBe(50);
      expect((await values()).length).toBe(50);
    });

    it('leaves what arrived a moment ago', async () => {
      await consumer.deliver([blockRecord(messages([1]))]);
      const now = consumer.runtime.clock.nowMicros();
      const restMicros = 60_000_000n;
      expect(await hoursToFold(sql, { now, restMicros })).toEqual([]);
      expect(await hoursToFold(sql, { now: now - restMicros, restMicros })).toEqual([]);
      expect(await hoursToFold(sql, { now: now + 2n * restMicros, restMicros })).toHaveLength(1);
    });

    it('folds also what was stored under a clock that was set back', async () => {
      await consumer.deliver([blockRecord(messages([1]))]);
      const now = consumer.runtime.clock.nowMicros() - HOUR;
      expect(await hoursToFold(sql, { now, restMicros: 60_000_000n })).toHaveLength(1);
    });
  });

  it('forgets readings by when they were stored and keeps the hours', async () => {
    const ts = '2006-11-14T05:46:00Z';
    await consumer.deliver([blockRecord([{ channel: 't', payload: { value: 5, ts } }])]);
    await foldAll(sql);
    const now = consumer.runtime.clock.nowMicros();
    expect(await forgetReadings(sql, now - 60_000_000n)).toBe(0);
    expect(await values()).toEqual([5]);
    expect(await forgetReadings(sql, now + 1n)).toBe(1);
    expect(await values()).toEqual([]);
    const reader = await SeriesReader.of(sql, NAME);
    expect((await reader.buckets('1m')).length).toBe(1);
    expect(await forgetMinutes(sql, now)).toBe(1);
    expect(await reader.buckets('1m')).toEqual([]);
    expect((await reader.buckets('1h'))[0]!.summary.count).toBe(1);
  });

  it('gives upkeep to one holder until its lease ends', async () => {
    expect(await takeUpkeep(sql, { holder: 'a', now: 1n })).toBe(true);
    expect(await takeUpkeep(sql, { holder: 'b', now: 2n })).toBe(false);
    expect(await takeUpkeep(sql, { holder: 'a', now: 3n })).toBe(true);
    expect(await takeUpkeep(sql, { holder: 'b', now: 60_000_000n })).toBe(true);
  });

  it('gives upkeep to another when the clock was set back', async () => {
    expect(await takeUpkeep(sql, { holder: 'a', now: 5n * HOUR })).toBe(true);
    expect(await takeUpkeep(sql, { holder: 'b', now: 0n })).toBe(true);
    expect(await takeUpkeep(sql, { holder: 'a', now: 1n })).toBe(false);
  });
});
