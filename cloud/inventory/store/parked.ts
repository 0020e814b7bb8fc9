import { createHash } from 'node:crypto';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { LevelScope } from './levels.ts';
import type { InventoryTables } from './tables.ts';

const DETAIL_CHARS_MAX = 500;
/** Of one tenant; of further ones the record is kept without its bytes. */
export const PARKED_WITH_BYTES_MAX = 1_000;
const NO_BYTES = new Uint8Array();

/** A block or a message that took no effect. */
export interface ParkedEntry {
  readonly tenant: string | undefined;
  readonly site: string | undefined;
  readonly item: string | undefined;
  readonly reason: string;
  readonly detail: string;
  readonly gatewayId: string | undefined;
  readonly incarnation: string | undefined;
  readonly firstSequence: bigint | undefined;
  readonly recordCount: number;
  readonly body: Uint8Array;
  /** What it is recognised by when it is delivered again. */
  readonly origin: string;
}

export async function park(
  tx: Transaction<InventoryTables>,
  entries: readonly ParkedEntry[],
  parkedAt: bigint,
): Promise<void> {
  for (const entry of entries) {
    const withBytes = (await keptOf(tx, entry.tenant)) < PARKED_WITH_BYTES_MAX;
    await tx
      .insertInto('parked')
      .values(rowOf(entry, { parkedAt, withBytes }))
      .onConflict((conflict) => conflict.column('digest').doNothing())
      .execute();
  }
}

async function keptOf(
  tx: Transaction<InventoryTables>,
  tenant: string | undefined,
): Promise<number> {
  const { count } = await tx
    .selectFrom('parked')
    .select((row) => row.fn.countAll<bigint>().as('count'))
    .where('tenant', 'is not distinct from', tenant ?? null)
    .executeTakeFirstOrThrow();
  return Number(count);
}

function rowOf(
  entry: ParkedEntry,
  { parkedAt, withBytes }: { readonly parkedAt: bigint; readonly withBytes: boolean },
) {
  const { tenant, site, item, reason, detail, gatewayId, incarnation, body, origin } = entry;
  return {
    digest: createHash('sha256').update(`${origin}\n`).update(body).digest('hex'),
    tenant: textOf(tenant),
    site: textOf(site),
    item: textOf(item),
    reason,
    detail: storable(detail.slice(0, DETAIL_CHARS_MAX)),
    gateway_id: textOf(gatewayId),
    incarnation: textOf(incarnation),
    first_sequence: entry.firstSequence ?? null,
    record_count: BigInt(entry.recordCount),
    parked_at: parkedAt,
    body: withBytes ? body : NO_BYTES,
  };
}

function textOf(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/** What a message quotes may hold what a text column refuses. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

/** The latest first. */
export function listParked(
  db: Reader<InventoryTables>,
  { tenant, sites }: LevelScope,
  { limit, before }: { readonly limit: number; readonly before: bigint | undefined },
) {
  let query = db.selectFrom('parked').selectAll().where('tenant', '=', tenant);
  if (sites !== 'all') query = query.where('site', 'in', sites.length > 0 ? sites : ['']);
  if (before !== undefined) query = query.where('id', '<', before);
  return query.orderBy('id', 'desc').limit(limit).execute();
}
