import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
} from '@holdfast/shared/domain/ranges.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { BatchIdentity } from '../domain/batch-event.ts';
import { compareBlock, type KnownBlock, overlaps } from '../domain/block-judgement.ts';
import { type ParkedBlock, park } from './parked-blocks.ts';
import { positionFromColumns, positionToColumns } from './position-columns.ts';
import type { EdgeLinkTables } from './tables.ts';

type Tx = Transaction<EdgeLinkTables>;

/**
 * Checksums are kept for this many blocks of each lane; a repeat of an older block is taken on
 * trust.
 */
export const RECENT_BLOCKS_KEPT = 4096;
/** Old checksums go in strides: a delete for each block would cost more than what it frees. */
const PRUNE_STRIDE = 256n;
const INSERT_ROWS_MAX = 200;

export interface LaneKey {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
}

export interface HeldLane extends LaneKey {
  readonly durable: PositionSet;
}

/**
 * An event of the log with what its headers say. `bytes` is read only when the block has to be
 * parked.
 */
export interface LoggedBatch {
  readonly batch: BatchIdentity;
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

export interface ConsumedBatch {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset after the last event, read or not readable. */
  readonly nextOffset: bigint;
  readonly batches: readonly LoggedBatch[];
  readonly nowMicros: bigint;
}

/**
 * Moves the positions by what the log holds, in the transaction of the consumer's own offset: an
 * event that comes again is skipped, a covered block is a repeat, and one that contradicts what is
 * held is parked. Returns how many were parked.
 */
export async function applyLogged(tx: Tx, consumed: ConsumedBatch): Promise<number> {
  const from = await nextOffset(tx, consumed.topic, consumed.partition);
  const fresh = consumed.batches.filter(({ offset }) => offset >= from);
  let parked = 0;
  for (const lane of byLane(fresh)) parked += await applyLane(tx, lane, consumed.nowMicros);
  if (consumed.nextOffset > from) await storeOffset(tx, consumed);
  return parked;
}

/** The offset of the first event that is not yet in the positions. */
export async function nextOffset(
  db: Reader<EdgeLinkTables>,
  topic: Topic,
  partition: number,
): Promise<bigint> {
  const row = await db
    .selectFrom('consumed_offsets')
    .select('next_offset')
    .where('topic', '=', topic)
    .where('partition', '=', BigInt(partition))
    .executeTakeFirst();
  return row?.next_offset ?? 0n;
}

/** Everything that the cloud has ever seen of this gateway. */
export async function heldLanes(
  db: Reader<EdgeLinkTables>,
  gatewayId: string,
): Promise<readonly HeldLane[]> {
  const rows = await db
    .selectFrom('lane_positions')
    .selectAll()
    .where('gateway_id', '=', gatewayId)
    .orderBy('incarnation')
    .orderBy('lane')
    .execute();
  return rows.map((row) => ({
    gatewayId,
    incarnation: row.incarnation,
    lane: row.lane,
    durable: positionFromColumns(row),
  }));
}

/** The remembered blocks of a lane that overlap `range`. */
export async function knownBlocks(
  db: Reader<EdgeLinkTables>,
  key: LaneKey,
  range: SequenceRange,
): Promise<readonly KnownBlock[]> {
  const rows = await db
    .selectFrom('recent_blocks')
    .select(['first_sequence', 'last_sequence', 'checksum'])
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .where('lane', '=', key.lane)
    .where('first_sequence', '<=', range.last)
    .where('last_sequence', '>=', range.first)
    .execute();
  return rows.map((row) => ({
    range: { first: row.first_sequence, last: row.last_sequence },
    checksum: row.checksum,
  }));
}

function byLane(batches: readonly LoggedBatch[]): LoggedBatch[][] {
  const lanes = Map.groupBy(
    batches,
    ({ batch }) => `${batch.gatewayId}/${batch.incarnation}/${batch.lane}`,
  );
  return [...lanes.values()];
}

async function applyLane(
  tx: Tx,
  batches: readonly LoggedBatch[],
  nowMicros: bigint,
): Promise<number> {
  const key = batches[0]!.batch;
  const before = await lanePosition(tx, key);
  const applied: LoggedBatch[] = [];
  const parked: ParkedBlock[] = [];
  let durable = before.durable;
  for (const logged of batches) {
    const reason = await objection(tx, logged.batch, { durable, applied });
    if (reason === 'repeat') continue;
    if (reason === undefined) {
      applied.push(logged);
      durable = addRange(durable, logged.batch.range);
    } else parked.push({ ...logged.batch, reason, bytes: logged.bytes, parkedAt: nowMicros });
  }
  for (const block of parked) await park(tx, block);
  if (applied.length === 0) return parked.length;
  const blockCount = before.blockCount + BigInt(applied.length);
  await storePosition(tx, key, { durable, blockCount });
  await rememberBlocks(tx, applied);
  if (blockCount / PRUNE_STRIDE !== before.blockCount / PRUNE_STRIDE) {
    await forgetOldBlocks(tx, key);
  }
  return parked.length;
}

/** Why a block of the log is not applied; undefined when it is. */
async function objection(
  tx: Tx,
  batch: BatchIdentity,
  { durable, applied }: { durable: PositionSet; applied: readonly LoggedBatch[] },
): Promise<'repeat' | 'conflict' | 'partly-covered' | undefined> {
  const covered = coverage(durable, batch.range);
  if (covered === 'disjoint') return undefined;
  if (covered === 'partly') return 'partly-covered';
  const known = [...(await knownBlocks(tx, batch, batch.range)), ...overlapping(applied, batch)];
  return compareBlock(batch, known) === 'repeat' ? 'repeat' : 'conflict';
}

function overlapping(applied: readonly LoggedBatch[], { range }: BatchIdentity): KnownBlock[] {
  return applied.map(({ batch }) => batch).filter((other) => overlaps(other.range, range));
}

interface StoredLane {
  readonly durable: PositionSet;
  readonly blockCount: bigint;
}

async function lanePosition(tx: Tx, key: LaneKey): Promise<StoredLane> {
  const row = await tx
    .selectFrom('lane_positions')
    .selectAll()
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .where('lane', '=', key.lane)
    .executeTakeFirst();
  if (!row) return { durable: EMPTY_POSITION, blockCount: 0n };
  return { durable: positionFromColumns(row), blockCount: row.block_count };
}

async function storePosition(
  tx: Tx,
  key: LaneKey,
  { durable, blockCount }: StoredLane,
): Promise<void> {
  const columns = { ...positionToColumns(durable), block_count: blockCount };
  await tx
    .insertInto('lane_positions')
    .values({ ...keyColumns(key), ...columns })
    .onConflict((oc) => oc.columns(['gateway_id', 'incarnation', 'lane']).doUpdateSet(columns))
    .execute();
}

async function rememberBlocks(tx: Tx, applied: readonly LoggedBatch[]): Promise<void> {
  const rows = applied.map(({ batch, offset }) => ({
    ...keyColumns(batch),
    first_sequence: batch.range.first,
    last_sequence: batch.range.last,
    checksum: batch.checksum,
    log_offset: offset,
  }));
  for (let at = 0; at < rows.length; at += INSERT_ROWS_MAX) {
    await tx
      .insertInto('recent_blocks')
      .values(rows.slice(at, at + INSERT_ROWS_MAX))
      .execute();
  }
}

async function forgetOldBlocks(tx: Tx, key: LaneKey): Promise<void> {
  const oldest = await tx
    .selectFrom('recent_blocks')
    .select('log_offset')
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .where('lane', '=', key.lane)
    .orderBy('log_offset', 'desc')
    .offset(RECENT_BLOCKS_KEPT)
    .limit(1)
    .executeTakeFirst();
  if (!oldest) return;
  await tx
    .deleteFrom('recent_blocks')
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .where('lane', '=', key.lane)
    .where('log_offset', '<=', oldest.log_offset)
    .execute();
}

async function storeOffset(tx: Tx, consumed: ConsumedBatch): Promise<void> {
  const row = {
    topic: consumed.topic,
    partition: BigInt(consumed.partition),
    next_offset: consumed.nextOffset,
  };
  await tx
    .insertInto('consumed_offsets')
    .values(row)
    .onConflict((oc) =>
      oc.columns(['topic', 'partition']).doUpdateSet({ next_offset: row.next_offset }),
    )
    .execute();
}

function keyColumns({ gatewayId, incarnation, lane }: LaneKey) {
  return { gateway_id: gatewayId, incarnation, lane };
}
