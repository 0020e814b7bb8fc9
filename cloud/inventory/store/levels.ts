import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { LevelRecord } from '../domain/records.ts';
import { levelOf } from './rows.ts';
import type { InventoryTables } from './tables.ts';

type Db = Reader<InventoryTables>;

const ITEMS_PER_STATEMENT = 500;

export interface LevelScope {
  readonly tenant: string;
  readonly sites: 'all' | readonly string[];
}

export interface LevelPage {
  readonly limit: number;
  readonly item?: string | undefined;
  /** The last of the page before. */
  readonly after?: { readonly item: string; readonly site: string } | undefined;
}

/** By item, then by site. */
export async function listLevels(
  db: Db,
  { tenant, sites }: LevelScope,
  { limit, item, after }: LevelPage,
): Promise<readonly LevelRecord[]> {
  if (sites !== 'all' && sites.length === 0) return [];
  let query = db.selectFrom('levels').selectAll().where('tenant', '=', tenant);
  if (sites !== 'all') query = query.where('site', 'in', sites);
  if (item !== undefined) query = query.where('item', '=', item);
  if (after) {
    query = query.where((where) =>
      where.or([
        where('item', '>', after.item),
        where.and([where('item', '=', after.item), where('site', '>', after.site)]),
      ]),
    );
  }
  const rows = await query.orderBy('item').orderBy('site').limit(limit).execute();
  return rows.map(({ revision: _, ...row }) => levelOf(row));
}

export async function findLevel(
  db: Db,
  { tenant, site, item }: { readonly tenant: string; readonly site: string; readonly item: string },
): Promise<LevelRecord | undefined> {
  const row = await db
    .selectFrom('levels')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('site', '=', site)
    .where('item', '=', item)
    .executeTakeFirst();
  if (!row) return undefined;
  const { revision: _, ...level } = row;
  return levelOf(level);
}

export async function levelsOfItems(
  db: Db,
  asked: {
    readonly tenant: string;
    readonly items: readonly string[];
    readonly site: string | undefined;
  },
): Promise<readonly LevelRecord[]> {
  const { tenant, site } = asked;
  const items = [...new Set(asked.items)];
  const levels: LevelRecord[] = [];
  for (let from = 0; from < items.length; from += ITEMS_PER_STATEMENT) {
    const some = items.slice(from, from + ITEMS_PER_STATEMENT);
    let query = db.selectFrom('levels').selectAll().where('tenant', '=', tenant);
    query = query.where('item', 'in', some);
    if (site !== undefined) query = query.where('site', '=', site);
    const rows = await query.orderBy('item').orderBy('site').execute();
    levels.push(...rows.map(({ revision: _, ...row }) => levelOf(row)));
  }
  return levels;
}

export interface ChangedLevel {
  readonly level: LevelRecord;
  readonly revision: bigint;
}

/**
 * The last change of each level above `after`, at most `limit`, in order of `changePlace`.
 * Revisions are counted up by transactions that take turns, so none comes late and is passed over.
 */
export async function changedLevels(
  db: Db,
  { after, limit }: { readonly after: ChangePlace; readonly limit: number },
): Promise<readonly ChangedLevel[]> {
  const { revision, tenant, item, site } = after;
  const rows = await db
    .selectFrom('levels')
    .selectAll()
    .where('revision', '>=', revision)
    .where((where) =>
      where(
        where.refTuple('revision', 'tenant', 'item', 'site'),
        '>',
        where.tuple(revision, tenant, item, site),
      ),
    )
    .orderBy('revision')
    .orderBy('tenant')
    .orderBy('item')
    .orderBy('site')
    .limit(limit)
    .execute();
  return rows.map(({ revision: at, ...row }) => ({ level: levelOf(row), revision: at }));
}

/** Where a change stands among all. */
export interface ChangePlace {
  readonly revision: bigint;
  readonly tenant: string;
  readonly item: string;
  readonly site: string;
}

/** After everything that there is now. */
export async function lastChange(db: Db): Promise<ChangePlace> {
  const { revision } = await db.selectFrom('ledger').select('revision').executeTakeFirstOrThrow();
  return { revision: revision + 1n, tenant: '', item: '', site: '' };
}
