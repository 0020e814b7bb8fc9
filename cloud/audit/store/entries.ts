import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { EntryKeys } from '../domain/entry.ts';
import type { AuditRow, AuditTables } from './tables.ts';

export interface EntryQuery {
  readonly tenant: string;
  /** Those of the entry's keys that must be just so. */
  readonly keys: { readonly [name in keyof EntryKeys]?: string | undefined };
  readonly order: 'newest-first' | 'oldest-first';
  readonly after: EntryPlace | undefined;
  readonly limit: number;
}

/** Rows go by time; those of one moment and one chain by their index, as they happened. */
export type EntryPlace = readonly [
  time: string,
  service: string,
  partition: bigint,
  chainIndex: bigint,
];

export function placeOf(row: AuditRow): EntryPlace {
  return [row.time, row.service, row.partition, row.chain_index];
}

/** Rows of one tenant, never of another (I10). */
export async function listEntries(
  db: Reader<AuditTables>,
  { tenant, keys, order, after, limit }: EntryQuery,
): Promise<readonly AuditRow[]> {
  const newestFirst = order === 'newest-first';
  let query = db.selectFrom('audit_entries').selectAll().where('tenant', '=', tenant);
  for (const [name, value] of Object.entries(keys) as [keyof EntryKeys, string | undefined][]) {
    if (value !== undefined) query = query.where(name, '=', value);
  }
  if (after) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('time', 'service', 'partition', 'chain_index'),
        newestFirst ? '<' : '>',
        tuple(...after),
      ),
    );
  }
  const direction = newestFirst ? 'desc' : 'asc';
  return query
    .orderBy('time', direction)
    .orderBy('service', direction)
    .orderBy('partition', direction)
    .orderBy('chain_index', direction)
    .limit(limit)
    .execute();
}
