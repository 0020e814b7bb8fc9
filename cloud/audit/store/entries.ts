import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { EntryKeys } from '../domain/entry.ts';
import type { AuditRow, AuditTables } from './tables.ts';

export interface EntryQuery {
  readonly tenant: string;
  /** Those of the entry's keys that must be just so. */
  readonly keys: Partial<EntryKeys>;
  readonly order: 'newest-first' | 'oldest-first';
  readonly after: EntryPlace | undefined;
  readonly limit: number;
}

/** Event ids sort by time, and are a service's own. */
export interface EntryPlace {
  readonly eventId: string;
  readonly service: string;
}

/** Rows of one tenant, never of another (I10). */
export async function listEntries(
  db: Reader<AuditTables>,
  { tenant, keys, order, after, limit }: EntryQuery,
): Promise<readonly AuditRow[]> {
  const newestFirst = order === 'newest-first';
  const direction = newestFirst ? 'desc' : 'asc';
  const beyond = newestFirst ? '<' : '>';
  const from = newestFirst ? '<=' : '>=';
  let query = db.selectFrom('audit_entries').selectAll().where('tenant', '=', tenant);
  for (const [name, value] of Object.entries(keys) as [keyof EntryKeys, string | undefined][]) {
    if (value !== undefined) query = query.where(name, '=', value);
  }
  if (after) {
    // The first condition is a range of the index; the second is what is meant.
    query = query
      .where('event_id', from, after.eventId)
      .where((eb) =>
        eb.or([
          eb('event_id', beyond, after.eventId),
          eb('event_id', '=', after.eventId).and('service', beyond, after.service),
        ]),
      );
  }
  return query.orderBy('event_id', direction).orderBy('service', direction).limit(limit).execute();
}
