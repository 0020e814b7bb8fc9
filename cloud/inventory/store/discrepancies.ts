import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { LevelScope } from './levels.ts';
import { DISCREPANCY_COLUMNS, discrepancyRecord } from './rows.ts';
import type { InventoryTables } from './tables.ts';

type Db = Reader<InventoryTables>;

/** The latest first. */
export async function listDiscrepancies(
  db: Db,
  { tenant, sites }: LevelScope,
  page: {
    readonly limit: number;
    readonly state: 'open' | 'resolved';
    readonly before: { readonly openedAt: bigint; readonly id: string } | undefined;
  },
) {
  const { limit, state, before } = page;
  let query = db.selectFrom('discrepancies').selectAll().where('tenant', '=', tenant);
  query = query.where('state', '=', state);
  if (sites !== 'all') query = query.where('site', 'in', sites.length > 0 ? sites : ['']);
  if (before) {
    const { openedAt, id } = before;
    query = query.where((where) =>
      where.or([
        where('opened_at', '<', openedAt),
        where.and([where('opened_at', '=', openedAt), where('id', '<', id)]),
      ]),
    );
  }
  const rows = await query
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ opened_at, resolved_at, ...row }) => ({
    ...discrepancyRecord(row),
    openedAt: opened_at,
    resolvedAt: resolved_at,
  }));
}

export async function findDiscrepancy(
  db: Db,
  { tenant, id }: { readonly tenant: string; readonly id: string },
) {
  const row = await db
    .selectFrom('discrepancies')
    .select(DISCREPANCY_COLUMNS)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  return row && discrepancyRecord(row);
}
