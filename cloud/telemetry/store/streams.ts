import type { StreamKey } from '@holdfast/shared/domain/block-event.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { TelemetryTables } from './tables.ts';

/** What streams are called, by id. */
export async function streamNames(
  db: Reader<TelemetryTables>,
  ids: readonly bigint[],
): Promise<ReadonlyMap<bigint, Omit<StreamKey, 'tenant'>>> {
  const names = new Map<bigint, Omit<StreamKey, 'tenant'>>();
  for (const some of rowBatches(ids)) {
    const rows = await db
      .selectFrom('streams')
      .select(['id', 'incarnation', 'gateway_id as gatewayId', 'lane'])
      .where('id', 'in', some)
      .execute();
    for (const { id, ...name } of rows) names.set(id, name);
  }
  return names;
}
