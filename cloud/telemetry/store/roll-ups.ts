import type { Summary } from '@holdfast/shared/domain/summary.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { HOUR_MICROS, MINUTE_MICROS } from '../domain/reading.ts';
import { mergeAll, type Summaries } from '../domain/roll-up.ts';
import { openSummaries, summariesOfPart } from './part-body.ts';
import type { TimeRange } from './raw-readings.ts';
import type { TelemetryTables } from './tables.ts';

export type Resolution = '1m' | '1h';

export const BUCKET_MICROS: Readonly<Record<Resolution, number>> = {
  '1m': MINUTE_MICROS,
  '1h': HOUR_MICROS,
};

export interface Bucket {
  readonly start: number;
  readonly summary: Summary;
}

export interface RollUpQuery extends TimeRange {
  readonly seriesId: bigint;
  readonly resolution: Resolution;
  readonly limit: number;
}

type Db = Reader<TelemetryTables>;

/** Hours that are read together when each has a bucket per minute. */
const HOURS_MIN = 24;

/**
 * Buckets that overlap the range, ascending, at most `limit`: what was folded, and what of the hour
 * is not folded yet, so that a summary is never behind the readings.
 */
export async function bucketsOf(db: Db, query: RollUpQuery): Promise<readonly Bucket[]> {
  const size = BUCKET_MICROS[query.resolution];
  const from = query.from - (query.from % size);
  const found: Bucket[] = [];
  let hour = query.from - (query.from % HOUR_MICROS);
  const hoursMax = Math.max(HOURS_MIN, Math.ceil((query.limit * size) / HOUR_MICROS));
  for (;;) {
    const hours = await hoursWithData(db, { ...query, from: hour }, hoursMax);
    if (hours.length === 0) return found;
    const summaries = await summariesOf(db, query, [hours[0]!, hours.at(-1)!]);
    const starts = [...summaries.keys()].filter((start) => start >= from && start < query.to);
    for (const start of starts.sort((a, b) => a - b)) {
      if (found.length === query.limit) return found;
      found.push({ start, summary: summaries.get(start)! });
    }
    hour = hours.at(-1)! + HOUR_MICROS;
  }
}

async function hoursWithData(db: Db, query: RollUpQuery, count: number): Promise<number[]> {
  const hours = async (rows: Promise<{ hour: bigint }[]>): Promise<number[]> =>
    (await rows).map((row) => Number(row.hour));
  const folded = await hours(
    db
      .selectFrom('roll_ups')
      .select('hour')
      .where('series_id', '=', query.seriesId)
      .where('hour', '>=', BigInt(query.from))
      .where('hour', '<', BigInt(query.to))
      .orderBy('hour')
      .limit(count)
      .execute(),
  );
  const fresh = await hours(
    db
      .selectFrom('parts')
      .select('hour')
      .distinct()
      .where('series_id', '=', query.seriesId)
      .where('hour', '>=', BigInt(query.from))
      .where('hour', '<', BigInt(query.to))
      .where('folded', '=', 0n)
      .orderBy('hour')
      .limit(count)
      .execute(),
  );
  return [...new Set([...folded, ...fresh])].sort((a, b) => a - b).slice(0, count);
}

async function summariesOf(
  db: Db,
  { seriesId, resolution }: RollUpQuery,
  [first, last]: readonly [number, number],
): Promise<Summaries> {
  const summaries: Summaries = new Map();
  const folded = await db
    .selectFrom('roll_ups')
    .select([resolution === '1h' ? 'summary as bytes' : 'minutes as bytes'])
    .where('series_id', '=', seriesId)
    .where('hour', '>=', BigInt(first))
    .where('hour', '<=', BigInt(last))
    .execute();
  for (const { bytes } of folded) if (bytes) mergeAll(summaries, openSummaries(bytes));
  const fresh = await db
    .selectFrom('parts')
    .select('body')
    .where('series_id', '=', seriesId)
    .where('hour', '>=', BigInt(first))
    .where('hour', '<=', BigInt(last))
    .where('folded', '=', 0n)
    .execute();
  for (const { body } of fresh) {
    mergeAll(summaries, summariesOfPart(body, BUCKET_MICROS[resolution]));
  }
  return summaries;
}
