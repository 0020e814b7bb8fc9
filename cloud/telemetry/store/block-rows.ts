import type { Insertable } from 'kysely';
import {
  appendColumns,
  emptyColumns,
  type Reading,
  type ReadingColumns,
  type SeriesKey,
} from '../domain/reading.ts';
import type { ReceivedBlock } from '../domain/received-block.ts';
import { mergeAll, type Summaries } from '../domain/roll-up.ts';
import { freshBody, minutesBody } from './part-body.ts';
import { seriesName } from './series-ids.ts';
import type { TelemetryTables } from './tables.ts';

type Ids = 'series_id' | 'stream_id';
export type PartRow = Omit<Insertable<TelemetryTables['parts']>, Ids>;
export type LatestRow = Omit<Insertable<TelemetryTables['latest']>, Ids>;

/** What blocks come to, ready but for the ids, which only the transaction knows. */
export interface BlockRows {
  readonly blocks: readonly ReceivedBlock[];
  readonly series: ReadonlyMap<string, SeriesKey>;
  readonly parts: readonly Unplaced<PartRow>[];
  readonly latest: readonly Unplaced<LatestRow>[];
}

/** A row of a series and a stream that are known by name. */
export interface Unplaced<Row> {
  readonly series: string;
  readonly stream: string;
  readonly row: Row;
}

/**
 * The rows of blocks that take effect together: one part per series, stream and hour, however many
 * blocks.
 */
export function rowsOf(blocks: readonly ReceivedBlock[], storedAt: bigint): BlockRows {
  const keys = new Map<string, SeriesKey>();
  const gathered = gather(blocks, keys);
  const parts: Unplaced<PartRow>[] = [];
  const latest: Unplaced<LatestRow>[] = [];
  for (const { series, stream, hours, minutes, last } of gathered) {
    latest.push({ series, stream, row: latestRow(last) });
    for (const [hour, pieces] of hours) {
      const columns = joined(pieces);
      const row = { ...partRow(columns, hour), folded: 0n, stored_at: storedAt };
      parts.push({ series, stream, row: { ...row, body: freshBody(columns) } });
    }
    for (const [hour, summaries] of minutes) {
      const row = { ...minutesRow(summaries, hour), folded: 0n, stored_at: storedAt };
      parts.push({ series, stream, row: { ...row, body: minutesBody(summaries, 'fresh') } });
    }
  }
  return { blocks, series: keys, parts, latest };
}

/** What a part's row says of its readings. */
export function partRow(
  { times, sequences }: ReadingColumns,
  hour: number,
): Omit<PartRow, 'folded' | 'stored_at' | 'body'> {
  const [firstTime, lastTime] = boundsOf(times);
  const [firstSequence, lastSequence] = boundsOf(sequences);
  return {
    hour: BigInt(hour),
    first_time: firstTime,
    last_time: lastTime,
    first_sequence: firstSequence,
    last_sequence: lastSequence,
    reading_count: BigInt(times.length),
  };
}

/** The same of minutes that a gateway condensed. */
export function minutesRow(minutes: Summaries, hour: number): ReturnType<typeof partRow> {
  const edges = [...minutes.values()].flatMap(({ first, last }) => [first, last]);
  const [firstTime, lastTime] = boundsOf(edges.map((edge) => edge.time));
  const [firstSequence, lastSequence] = boundsOf(edges.map((edge) => edge.sequence));
  return {
    hour: BigInt(hour),
    first_time: firstTime,
    last_time: lastTime,
    first_sequence: firstSequence,
    last_sequence: lastSequence,
    reading_count: BigInt(minutes.size),
  };
}

function boundsOf(values: readonly number[]): readonly [bigint, bigint] {
  let first = values[0]!;
  let last = first;
  for (const value of values) {
    if (value < first) first = value;
    if (value > last) last = value;
  }
  return [BigInt(first), BigInt(last)];
}

/** All readings that the blocks have of one series from one stream. */
interface Gathered {
  readonly series: string;
  readonly stream: string;
  readonly hours: Map<number, ReadingColumns[]>;
  readonly minutes: Map<number, Summaries>;
  last: Reading;
}

function gather(blocks: readonly ReceivedBlock[], keys: Map<string, SeriesKey>): Gathered[] {
  const found = new Map<string, Gathered>();
  for (const { key, site, stream, series: all } of blocks) {
    for (const { device, metric, hours, minutes, latest } of all) {
      const seriesKey = { tenant: key.tenant, site, device, metric };
      const series = seriesName(seriesKey);
      keys.set(series, seriesKey);
      const both = `${series}\0${stream}`;
      const none = { hours: new Map(), minutes: new Map() };
      const held = found.get(both) ?? { series, stream, ...none, last: latest };
      found.set(both, held);
      if (latest.sequence > held.last.sequence) held.last = latest;
      for (const [hour, columns] of hours) {
        const pieces = held.hours.get(hour);
        if (pieces) pieces.push(columns);
        else held.hours.set(hour, [columns]);
      }
      for (const [hour, summaries] of minutes ?? []) {
        const all = held.minutes.get(hour) ?? new Map();
        held.minutes.set(hour, all);
        mergeAll(all, summaries);
      }
    }
  }
  return [...found.values()];
}

/**
 * A copy where there are several: the blocks may be gathered again, without one that turned out to
 * be a repeat.
 */
function joined(pieces: readonly ReadingColumns[]): ReadingColumns {
  if (pieces.length === 1) return pieces[0]!;
  const all = emptyColumns();
  for (const piece of pieces) appendColumns(all, piece);
  return all;
}

function latestRow({ sequence, time, receivedTime, flags, content }: Reading): LatestRow {
  return {
    sequence: BigInt(sequence),
    time: BigInt(time),
    received_at: BigInt(receivedTime),
    flags: BigInt(flags),
    value: typeof content === 'number' ? content : null,
    body: typeof content === 'number' ? null : content,
  };
}
