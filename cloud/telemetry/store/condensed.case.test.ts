import type { CondensedSeries } from '@holdfast/shared/domain/condensed-body.ts';
import { summaryOf } from '@holdfast/shared/domain/summary.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { expect, it, onTestFinished } from 'vitest';
import { BEGIN, blockRecord, condensedRecord, type Message } from '../blocks.fixture.ts';
import { TestConsumer, TestDatabase } from '../databases.fixture.ts';
import { MINUTE_MICROS } from '../domain/reading.ts';
import { mergeInto, type Summaries } from '../domain/roll-up.ts';
import { databaseForEach, onEachDatabase } from '../each-database.fixture.ts';
import { foldAll, SeriesReader } from './readings.fixture.ts';
import type { TelemetryTables } from './tables.ts';

const NAME = { device: 'cold-01', metric: 't' };
const GAP_MICROS = 20_000_000;

function messages(values: readonly number[], first: number): Message[] {
  return values.map((payload, index) => ({
    channel: 't',
    payload,
    atMicros: (first - 1 + index) * GAP_MICROS,
  }));
}

/** What the gateway makes of the same messages. */
function condensed(values: readonly number[], first: number): CondensedSeries {
  const minutes: Summaries = new Map();
  values.forEach((value, index) => {
    const sequence = first + index;
    const time = BEGIN + (sequence - 1) * GAP_MICROS;
    mergeInto(minutes, time - (time % MINUTE_MICROS), summaryOf({ time, sequence, value }));
  });
  const sequence = first + values.length - 1;
  const time = BEGIN + (sequence - 1) * GAP_MICROS;
  const latest = { time, receivedTime: time, sequence, suspect: false, value: values.at(-1)! };
  return { ...NAME, minutes, latest, texts: [] };
}

const VALUES = Array.from({ length: 200 }, (_, index) => (index * 37) % 101);

onEachDatabase('condensed blocks', (technology) => {
  let sql: Sql<TelemetryTables>;
  let consumer: TestConsumer;
  databaseForEach(technology, (opened) => {
    ({ sql, consumer } = opened);
  });

  const buckets = async () => {
    const reader = await SeriesReader.of(sql, NAME);
    return [await reader.buckets('1m'), await reader.buckets('1h')];
  };

  it('come to the minutes and hours of the messages that they stand for, once', async () => {
    const raw = blockRecord(messages(VALUES, 1), { gatewayId: 'gw_raw', site: 'site-2' });
    await consumer.deliver([raw]);
    const expected = await buckets();
    const another = new TestDatabase(technology);
    onTestFinished(() => another.dispose());
    sql = await another.open();
    consumer = new TestConsumer(sql);
    // In pieces, raw and condensed, out of order, one of them twice, folded in between.
    const piece = (from: number, to: number) => VALUES.slice(from, to);
    const late = condensedRecord([condensed(piece(100, 150), 101)], { first: 101, count: 50 });
    await consumer.deliver([late, blockRecord(messages(piece(150, 200), 151), { first: 151 })]);
    await foldAll(sql);
    await consumer.deliver([late]);
    await consumer.deliver([condensedRecord([condensed(piece(0, 30), 1)], { count: 30 })]);
    await consumer.deliver([blockRecord(messages(piece(30, 100), 31), { first: 31 })]);
    expect(await buckets()).toEqual(expected);
    await foldAll(sql);
    expect(await buckets()).toEqual(expected);
    const [stream] = await sql.read((db) => db.selectFrom('streams').selectAll().execute());
    expect(stream).toMatchObject({ contiguous: 200n, condensed: 80n });
  });

  it('give the latest value only when none of a higher sequence is there', async () => {
    const latest = () => sql.read((db) => db.selectFrom('latest').selectAll().execute());
    await consumer.deliver([condensedRecord([condensed([3, 4], 1)], { count: 2 })]);
    expect(await latest()).toMatchObject([{ sequence: 2n, value: 4 }]);
    await consumer.deliver([blockRecord(messages([9], 9), { first: 9 })]);
    await consumer.deliver([condensedRecord([condensed([5, 6], 3)], { first: 3, count: 2 })]);
    expect(await latest()).toMatchObject([{ sequence: 9n, value: 9 }]);
  });

  it('are parked with their bytes when they are none', async () => {
    const good = condensedRecord([condensed([3, 4], 1)], { count: 2 });
    const short = condensedRecord([condensed([3, 4], 1)], { count: 1 });
    await consumer.deliver([short, good]);
    const parked = await sql.read((db) => db.selectFrom('parked').selectAll().execute());
    expect(parked).toMatchObject([{ reason: 'undecodable', record_count: 1n }]);
  });
});
