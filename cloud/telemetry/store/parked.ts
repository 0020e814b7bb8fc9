import { createHash } from 'node:crypto';
import type { Origin, ParkedBlock } from '@holdfast/shared/domain/block-event.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { TelemetryTables } from './tables.ts';

const DETAIL_CHARS_MAX = 500;
/**
 * One gateway may have this many rows with their bytes; of further ones only the record is kept.
 */
export const PARKED_WITH_BYTES_MAX = 1_000;
const NO_BYTES = new Uint8Array();

/** Keeps blocks that take no effect. One that was delivered again is kept once. */
export async function park(
  tx: Transaction<TelemetryTables>,
  blocks: readonly ParkedBlock[],
  parkedAt: bigint,
): Promise<void> {
  for (const [, ofGateway] of Map.groupBy(
    blocks,
    ({ key }) => `${key?.tenant}/${key?.gatewayId}`,
  )) {
    const room = PARKED_WITH_BYTES_MAX - (await rowsKept(tx, ofGateway[0]!));
    const rows = ofGateway.map((block, index) => rowOf(block, parkedAt, index < room));
    for (const some of rowBatches(rows)) {
      await tx
        .insertInto('parked')
        .values(some)
        .onConflict((conflict) => conflict.column('digest').doNothing())
        .execute();
    }
  }
}

async function rowsKept(tx: Transaction<TelemetryTables>, { key }: ParkedBlock): Promise<number> {
  const { count } = await tx
    .selectFrom('parked')
    .select((row) => row.fn.countAll<bigint>().as('count'))
    .where('tenant', 'is not distinct from', textOf(key?.tenant))
    .where('gateway_id', 'is not distinct from', textOf(key?.gatewayId))
    .executeTakeFirstOrThrow();
  return Number(count);
}

function rowOf(block: ParkedBlock, parkedAt: bigint, withBytes: boolean) {
  const { origin, key } = block;
  return {
    digest: digestOf(origin),
    topic: origin.topic,
    log_partition: BigInt(origin.partition),
    log_offset: origin.offset,
    reason: block.reason,
    detail: storable(block.detail.slice(0, DETAIL_CHARS_MAX)),
    tenant: textOf(key?.tenant),
    gateway_id: textOf(key?.gatewayId),
    incarnation: textOf(key?.incarnation),
    lane: key?.lane ?? null,
    first_sequence: block.firstSequence ?? null,
    record_count: BigInt(block.recordCount),
    parked_at: parkedAt,
    body: withBytes ? origin.body : NO_BYTES,
  };
}

/** The bytes are in it because a log that was made anew begins at offset 0 again. */
function digestOf({ topic, partition, offset, body }: Origin): string {
  const place = `${topic}/${partition}/${offset}\n`;
  return createHash('sha256').update(place).update(body).digest('hex');
}

function textOf(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/** What a message quotes may hold what a text column refuses. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

const ROWS_PER_STEP = 64;
/** What is left of rows that were forgotten: how many records they stood for. */
export const FORGOTTEN_DETAIL = 'parked too long ago: only their number is kept';

/**
 * Lets go of the bytes of what was parked before `parkedBefore`: rows of one stream and reason
 * become one, which keeps how many records they stood for, since the ledger counts them (I3). A
 * step's worth; returns how many rows.
 */
export function forgetParked(sql: Sql<TelemetryTables>, parkedBefore: bigint): Promise<number> {
  return sql.transaction(async (tx) => {
    const rows = await tx
      .selectFrom('parked')
      .select(['id', 'tenant', 'gateway_id', 'incarnation', 'lane', 'reason', 'record_count'])
      .where('parked_at', '<', parkedBefore)
      .where('detail', '!=', FORGOTTEN_DETAIL)
      .orderBy('id')
      .limit(ROWS_PER_STEP)
      .execute();
    const groups = Map.groupBy(rows, ({ id: _, record_count: __, ...key }) => JSON.stringify(key));
    for (const group of groups.values()) await joinRows(tx, group);
    return rows.length;
  });
}

type Forgotten = Pick<
  Selectable<TelemetryTables['parked']>,
  'id' | 'tenant' | 'gateway_id' | 'incarnation' | 'lane' | 'reason' | 'record_count'
>;

async function joinRows(
  tx: Transaction<TelemetryTables>,
  rows: readonly Forgotten[],
): Promise<void> {
  const [{ tenant, gateway_id, incarnation, lane, reason }] = rows as [Forgotten];
  const before = await tx
    .selectFrom('parked')
    .select(['id', 'record_count'])
    .where('tenant', 'is not distinct from', tenant)
    .where('gateway_id', 'is not distinct from', gateway_id)
    .where('incarnation', 'is not distinct from', incarnation)
    .where('lane', 'is not distinct from', lane)
    .where('reason', '=', reason)
    .where('detail', '=', FORGOTTEN_DETAIL)
    .executeTakeFirst();
  const all = [...(before ? [before] : []), ...rows];
  const [kept, ...gone] = all.map(({ id }) => id) as [bigint, ...bigint[]];
  const record_count = all.reduce((sum, row) => sum + row.record_count, 0n);
  await tx
    .updateTable('parked')
    .set({ detail: FORGOTTEN_DETAIL, record_count, body: NO_BYTES })
    .where('id', '=', kept)
    .execute();
  if (gone.length > 0) await tx.deleteFrom('parked').where('id', 'in', gone).execute();
}
