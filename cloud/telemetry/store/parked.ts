import { createHash } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Origin, ParkedBlock, ReceivedBlock } from '../domain/received-block.ts';
import { rowBatches } from './row-batches.ts';
import type { TelemetryTables } from './tables.ts';

/** Each row carries the event's bytes: few in a statement. */
const DETAIL_CHARS_MAX = 500;

/** A block of which some sequences are held already. */
export function overlapOf({ key, range, recordCount, origin }: ReceivedBlock): ParkedBlock {
  return {
    reason: 'partly_covered',
    detail: `sequences ${range.first} to ${range.last} are held in part`,
    origin,
    recordCount,
    key,
    firstSequence: range.first,
  };
}

/** Keeps blocks that take no effect. One that was delivered again is kept once. */
export async function park(
  tx: Transaction<TelemetryTables>,
  blocks: readonly ParkedBlock[],
  parkedAt: bigint,
): Promise<void> {
  for (const some of rowBatches(blocks)) {
    await tx
      .insertInto('parked')
      .values(some.map((block) => rowOf(block, parkedAt)))
      .onConflict((conflict) => conflict.column('digest').doNothing())
      .execute();
  }
}

function rowOf(block: ParkedBlock, parkedAt: bigint) {
  const { origin, key } = block;
  return {
    digest: digestOf(origin),
    topic: origin.topic,
    log_partition: BigInt(origin.partition),
    log_offset: origin.offset,
    reason: block.reason,
    detail: storable(block.detail.slice(0, DETAIL_CHARS_MAX)),
    tenant: key?.tenant === undefined ? null : storable(key.tenant),
    gateway_id: key?.gatewayId === undefined ? null : storable(key.gatewayId),
    incarnation: key?.incarnation === undefined ? null : storable(key.incarnation),
    lane: key?.lane ?? null,
    first_sequence: block.firstSequence ?? null,
    record_count: BigInt(block.recordCount),
    parked_at: parkedAt,
    body: origin.body,
  };
}

/** The bytes are in it because a log that was made anew begins at offset 0 again. */
function digestOf({ topic, partition, offset, body }: Origin): string {
  const place = `${topic}/${partition}/${offset}\n`;
  return createHash('sha256').update(place).update(body).digest('hex');
}

/** What a message quotes may hold what a text column refuses. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
