import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { EdgeLinkTables } from './tables.ts';

export async function storeRevoked(
  tx: Transaction<EdgeLinkTables>,
  { gatewayId, at }: { readonly gatewayId: string; readonly at: bigint },
): Promise<void> {
  await tx
    .insertInto('revoked_gateways')
    .values({ gateway_id: gatewayId, revoked_at: at })
    .onConflict((conflict) => conflict.column('gateway_id').doNothing())
    .execute();
}

/** Those of them that were revoked. */
export async function revokedAmong(
  db: Reader<EdgeLinkTables>,
  gatewayIds: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const some of rowBatches(gatewayIds)) {
    const rows = await db
      .selectFrom('revoked_gateways')
      .select('gateway_id')
      .where('gateway_id', 'in', some)
      .execute();
    found.push(...rows.map(({ gateway_id }) => gateway_id));
  }
  return found;
}
