import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { CLOCK_SKEW_MS_MAX } from '@holdfast/shared/runtime/clock.ts';
import { sql as raw, type Selectable, type Transaction } from 'kysely';
import {
  appendColumns,
  emptyColumns,
  HOUR_MICROS,
  MINUTE_MICROS,
  type ReadingColumns,
  sortedByTime,
} from '../domain/reading.ts';
import { coarsened, mergeAll, type Summaries } from '../domain/roll-up.ts';
import { minutesRow, type PartRow, partRow } from './block-rows.ts';
import {
  foldedBody,
  minutesBody,
  openPart,
  openSummaries,
  summariesBody,
  summariesOfPart,
} from './part-body.ts';
import type { TelemetryTables } from './tables.ts';

/** A folded part of this size is full: later readings of its hour begin another. */
export const CHUNK_READINGS_MAX = 16_384;
/** Arrived parts that one step looks at; each hour is then folded in a transaction of its own. */
const PARTS_PER_STEP = 512;
const SKEW_MICROS = BigInt(CLOCK_SKEW_MS_MAX) * 1000n;
/** What of one hour is folded at once; the rest waits for the next step. */
const PARTS_PER_FOLD = 4_096;
const READINGS_PER_FOLD = 65_536;

type Tables = TelemetryTables;
type Part = Selectable<Tables['parts']>;
type RollUp = Selectable<Tables['roll_ups']>;

/** One hour of one series that has parts to fold. */
export interface HourToFold {
  readonly seriesId: bigint;
  readonly hour: bigint;
}

/**
 * Hours with a part that has lain for `restMicros`; at most a step's worth. A part from the future
 * was stored under a clock that has been set back, and rests no longer.
 */
export async function hoursToFold(
  sql: Sql<Tables>,
  { now, restMicros }: { readonly now: bigint; readonly restMicros: bigint },
): Promise<readonly HourToFold[]> {
  const rows = await sql.read((db) =>
    db
      .selectFrom('parts')
      .select(['series_id', 'hour', 'stored_at'])
      // Written out and not a parameter, so that the partial index applies.
      .where('folded', '=', raw.lit(0n))
      .orderBy('id')
      .limit(PARTS_PER_STEP)
      .execute(),
  );
  const hours = new Map<string, HourToFold>();
  for (const { series_id, hour, stored_at } of rows) {
    const rests = stored_at >= now - restMicros && stored_at <= now + SKEW_MICROS;
    if (!rests) hours.set(`${series_id}/${hour}`, { seriesId: series_id, hour });
  }
  return [...hours.values()];
}

export type FoldOutcome = 'folded' | 'overtaken';

/**
 * Makes chunks of an hour's parts and adds them to its roll-up, in one transaction. Read and
 * encoded before it; when someone else folded the same hour meanwhile, nothing happens.
 */
export async function foldHour(
  sql: Sql<Tables>,
  hour: HourToFold,
  now: bigint,
): Promise<FoldOutcome> {
  const { parts, rollUp } = await sql.read(async (db) => ({
    parts: await partsOf(db, hour),
    rollUp: await rollUpOf(db, hour),
  }));
  const chunks = chunksOf(parts, hour);
  const summary = summaryOf(parts, rollUp);
  try {
    await sql.transaction(async (tx) => {
      await removeParts(tx, parts);
      for (const some of rowBatches(chunks)) await tx.insertInto('parts').values(some).execute();
      if (summary) await keepSummary(tx, { ...hour, now, rollUp, summary });
    });
    return 'folded';
  } catch (error) {
    if (error instanceof Overtaken) return 'overtaken';
    throw error;
  }
}

/** Undoes the transaction; never leaves this file. */
class Overtaken extends Error {}

/** What is not folded, and the chunks that have room for it. */
async function partsOf(
  db: Reader<Tables>,
  { seriesId, hour }: HourToFold,
): Promise<readonly Part[]> {
  const parts = db
    .selectFrom('parts')
    .selectAll()
    .where('series_id', '=', seriesId)
    .where('hour', '=', hour);
  const arrived = await parts
    .where('folded', '=', 0n)
    .orderBy('id')
    .limit(PARTS_PER_FOLD)
    .execute();
  const fresh = withinReadings(arrived, READINGS_PER_FOLD);
  const open = await parts
    .where('folded', '=', 1n)
    .where('reading_count', '<', BigInt(CHUNK_READINGS_MAX))
    .where('stream_id', 'in', [...new Set(fresh.map((part) => part.stream_id)), 0n])
    .execute();
  return [...open, ...fresh];
}

/** The first parts up to so many readings; at least one part. */
function withinReadings(parts: readonly Part[], readingsMax: number): readonly Part[] {
  let readings = 0;
  const end = parts.findIndex((part) => {
    readings += Number(part.reading_count);
    return readings > readingsMax;
  });
  return end === -1 ? parts : parts.slice(0, Math.max(1, end));
}

function rollUpOf(db: Reader<Tables>, { seriesId, hour }: HourToFold): Promise<RollUp | undefined> {
  return db
    .selectFrom('roll_ups')
    .selectAll()
    .where('series_id', '=', seriesId)
    .where('hour', '=', hour)
    .executeTakeFirst();
}

type ChunkRow = PartRow & { series_id: bigint; stream_id: bigint };

/** The parts of each stream, joined, by time; cut where a chunk is full. */
function chunksOf(parts: readonly Part[], { seriesId, hour }: HourToFold): readonly ChunkRow[] {
  const chunks: ChunkRow[] = [];
  for (const [streamId, ofStream] of Map.groupBy(parts, (part) => part.stream_id)) {
    const all = emptyColumns();
    const minutes: Summaries = new Map();
    for (const part of ofStream) {
      const content = openPart(part.body);
      if (content.kind === 'readings') appendColumns(all, content.columns);
      else mergeAll(minutes, content.minutes);
    }
    const storedAt = ofStream.reduce(
      (last, part) => (part.stored_at > last ? part.stored_at : last),
      0n,
    );
    const row = { series_id: seriesId, stream_id: streamId, folded: 1n, stored_at: storedAt };
    for (const columns of cut(sortedByTime(all)))
      chunks.push({ ...partRow(columns, Number(hour)), ...row, body: foldedBody(columns) });
    if (minutes.size > 0) {
      const body = minutesBody(minutes, 'folded');
      chunks.push({ ...minutesRow(minutes, Number(hour)), ...row, body });
    }
  }
  return chunks;
}

function* cut(columns: ReadingColumns): Generator<ReadingColumns> {
  const count = columns.times.length;
  if (count === 0) return;
  if (count <= CHUNK_READINGS_MAX) return yield columns;
  for (let from = 0; from < count; from += CHUNK_READINGS_MAX) {
    const to = from + CHUNK_READINGS_MAX;
    yield {
      times: columns.times.slice(from, to),
      receivedTimes: columns.receivedTimes.slice(from, to),
      sequences: columns.sequences.slice(from, to),
      flags: columns.flags.slice(from, to),
      values: columns.values.slice(from, to),
      texts: columns.texts,
    };
  }
}

/** The minutes of the hour with what arrived; undefined when nothing of it is a number. */
function summaryOf(parts: readonly Part[], rollUp: RollUp | undefined): HourSummary | undefined {
  const arrived: Summaries = new Map();
  for (const part of parts) {
    if (part.folded === 0n) mergeAll(arrived, summariesOfPart(part.body, MINUTE_MICROS));
  }
  if (arrived.size === 0) return undefined;
  const hour = coarsened(arrived, HOUR_MICROS);
  if (rollUp) mergeAll(hour, openSummaries(rollUp.summary));
  if (rollUp?.minutes) mergeAll(arrived, openSummaries(rollUp.minutes));
  return { summary: summariesBody(hour), minutes: summariesBody(arrived) };
}

interface HourSummary {
  readonly summary: Uint8Array;
  readonly minutes: Uint8Array;
}

async function removeParts(tx: Transaction<Tables>, parts: readonly Part[]): Promise<void> {
  for (const some of rowBatches(parts)) {
    const ids = some.map((part) => part.id);
    const result = await tx.deleteFrom('parts').where('id', 'in', ids).executeTakeFirst();
    if (result.numDeletedRows !== BigInt(some.length)) throw new Overtaken();
  }
}

interface Keeping extends HourToFold {
  readonly now: bigint;
  readonly rollUp: RollUp | undefined;
  readonly summary: HourSummary;
}

async function keepSummary(
  tx: Transaction<Tables>,
  { seriesId, hour, now, rollUp, summary }: Keeping,
): Promise<void> {
  const row = { ...summary, stored_at: now };
  if (!rollUp) {
    const result = await tx
      .insertInto('roll_ups')
      .values({ ...row, series_id: seriesId, hour, revision: 1n })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (result.numInsertedOrUpdatedRows !== 1n) throw new Overtaken();
    return;
  }
  const result = await tx
    .updateTable('roll_ups')
    .set({ ...row, revision: rollUp.revision + 1n })
    .where('series_id', '=', seriesId)
    .where('hour', '=', hour)
    .where('revision', '=', rollUp.revision)
    .executeTakeFirst();
  if (result.numUpdatedRows !== 1n) throw new Overtaken();
}
