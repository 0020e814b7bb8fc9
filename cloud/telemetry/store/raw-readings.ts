import type { Summary } from '@holdfast/shared/domain/summary.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { HOUR_MICROS, type Reading, readingAt } from '../domain/reading.ts';
import { openPart } from './part-body.ts';
import type { TelemetryTables } from './tables.ts';

export interface StoredReading extends Reading {
  readonly streamId: bigint;
  /** Of a minute that the gateway condensed: it stands in the place of its first reading. */
  readonly condensed?: Summary;
}

/** `from` is included, `to` is not; microseconds since 1970. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface RawQuery extends TimeRange {
  readonly seriesId: bigint;
  readonly limit: number;
}

/** Where the page before ended; the first page has none. */
export interface AfterTime {
  readonly time: number;
  readonly sequence: number;
  readonly streamId: bigint;
}

export interface AfterSequence {
  readonly streamId: bigint;
  readonly sequence: number;
}

type Db = Reader<TelemetryTables>;

/** Parts that are read together; doubled as long as they do not fill the page. */
const PARTS_FIRST = 32;
const PARTS_MAX = 512;

/** By time, then sequence; at most `limit`. */
export function readingsByTime(
  db: Db,
  query: RawQuery,
  after: AfterTime | undefined,
): Promise<readonly StoredReading[]> {
  const from = Math.max(query.from, after?.time ?? 0);
  const parts = (count: number, skip: number) =>
    partsOf(db, { ...query, from })
      .where('last_time', '>=', BigInt(from))
      .orderBy('hour')
      .orderBy('first_time')
      .orderBy('id')
      .limit(count)
      .offset(skip)
      .execute();
  return sweep(db, {
    parts,
    limit: query.limit,
    startOf: (part) => Number(part.first_time),
    keyOf: (reading) => reading.time,
    wanted: (reading) =>
      reading.time >= query.from &&
      reading.time < query.to &&
      (after === undefined || compareByTime(reading, after) > 0),
    compare: compareByTime,
  });
}

/** By incarnation, then sequence: the order in which the gateway accepted them. At most `limit`. */
export async function readingsBySequence(
  db: Db,
  query: RawQuery,
  after: AfterSequence | undefined,
): Promise<readonly StoredReading[]> {
  const streams = await streamsOf(db, query);
  const start = after ? streams.indexOf(after.streamId) : 0;
  const found: StoredReading[] = [];
  for (const streamId of streams.slice(Math.max(start, 0))) {
    const above = streamId === after?.streamId ? after.sequence : -1;
    const limit = query.limit - found.length;
    if (limit <= 0) break;
    found.push(...(await ofStream(db, { ...query, limit }, { streamId, sequence: above })));
  }
  return found;
}

function ofStream(
  db: Db,
  query: RawQuery,
  after: AfterSequence,
): Promise<readonly StoredReading[]> {
  const parts = (count: number, skip: number) =>
    partsOf(db, query)
      .where('stream_id', '=', after.streamId)
      .where('last_sequence', '>', BigInt(after.sequence))
      .orderBy('first_sequence')
      .orderBy('id')
      .limit(count)
      .offset(skip)
      .execute();
  return sweep(db, {
    parts,
    limit: query.limit,
    startOf: (part) => Number(part.first_sequence),
    keyOf: (reading) => reading.sequence,
    wanted: ({ time, sequence }) =>
      time >= query.from && time < query.to && sequence > after.sequence,
    compare: (a, b) => a.sequence - b.sequence,
  });
}

/** The streams that have readings in range, by incarnation. */
async function streamsOf(db: Db, query: RawQuery): Promise<readonly bigint[]> {
  const rows = await db
    .selectFrom('streams')
    .select('id')
    .where('id', 'in', inRange(db, query).select('stream_id').distinct())
    .orderBy('incarnation')
    .orderBy('gateway_id')
    .orderBy('lane')
    .execute();
  return rows.map((row) => row.id);
}

function inRange(db: Db, { seriesId, from, to }: RawQuery) {
  return db
    .selectFrom('parts')
    .where('series_id', '=', seriesId)
    .where('hour', '>=', BigInt(hourOf(from)))
    .where('hour', '<', BigInt(to));
}

/** Without their bodies, which a database would carry through its sorting. */
function partsOf(db: Db, query: RawQuery) {
  return inRange(db, query).select(['id', 'stream_id', 'first_time', 'first_sequence']);
}

export function hourOf(time: number): number {
  return time - (time % HOUR_MICROS);
}

interface Part {
  readonly id: bigint;
  readonly stream_id: bigint;
  readonly first_time: bigint;
  readonly first_sequence: bigint;
}

interface Sweep {
  readonly parts: (count: number, skip: number) => Promise<readonly Part[]>;
  readonly limit: number;
  /** The lowest key in the part; parts come in its order. */
  readonly startOf: (part: Part) => number;
  readonly keyOf: (reading: StoredReading) => number;
  readonly wanted: (reading: StoredReading) => boolean;
  readonly compare: (a: StoredReading, b: StoredReading) => number;
}

/**
 * The first readings of parts that overlap. A reading is certain of its place once every part that
 * starts at or before it was read.
 */
async function sweep(
  db: Db,
  { parts, limit, startOf, keyOf, wanted, compare }: Sweep,
): Promise<readonly StoredReading[]> {
  const certain: StoredReading[] = [];
  let open: StoredReading[] = [];
  let skip = 0;
  for (let count = PARTS_FIRST; ; count = Math.min(count * 2, PARTS_MAX)) {
    const read = await parts(count + 1, skip);
    const next = read[count];
    for (const reading of await readingsIn(db, read.slice(0, count))) {
      if (wanted(reading)) open.push(reading);
    }
    open.sort(compare);
    const end = next ? firstFrom(open, keyOf, startOf(next)) : open.length;
    certain.push(...open.slice(0, Math.min(end, limit - certain.length)));
    if (!next || certain.length === limit) return certain;
    open = open.slice(end);
    skip += count;
  }
}

async function readingsIn(db: Db, parts: readonly Part[]): Promise<StoredReading[]> {
  const readings: StoredReading[] = [];
  for (const some of rowBatches(parts)) {
    const rows = await db
      .selectFrom('parts')
      .select(['stream_id', 'body'])
      .where(
        'id',
        'in',
        some.map((part) => part.id),
      )
      .execute();
    for (const { stream_id: streamId, body } of rows) {
      for (const reading of readingsOfPart(body)) readings.push({ ...reading, streamId });
    }
  }
  return readings;
}

function* readingsOfPart(body: Uint8Array): Generator<Omit<StoredReading, 'streamId'>> {
  const part = openPart(body);
  if (part.kind === 'readings') {
    for (let index = 0; index < part.columns.times.length; index++)
      yield readingAt(part.columns, index);
    return;
  }
  for (const condensed of part.minutes.values()) {
    const { time, sequence } = condensed.first;
    yield { time, sequence, receivedTime: time, flags: 0, content: Number.NaN, condensed };
  }
}

function firstFrom(
  readings: readonly StoredReading[],
  keyOf: Sweep['keyOf'],
  start: number,
): number {
  const index = readings.findIndex((reading) => keyOf(reading) >= start);
  return index === -1 ? readings.length : index;
}

function compareByTime(a: AfterTime, b: AfterTime): number {
  return a.time - b.time || a.sequence - b.sequence || Number(a.streamId - b.streamId);
}
