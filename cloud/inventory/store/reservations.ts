import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { sql } from 'kysely';
import type { InventoryTables } from './tables.ts';

/** Held reservations whose time is up, the oldest first; by the index of what is held. */
export function overdueReservations(
  db: Reader<InventoryTables>,
  now: bigint,
  limit: number,
): Promise<readonly { readonly tenant: string; readonly id: string }[]> {
  return (
    db
      .selectFrom('reservations')
      .select(['tenant', 'id'])
      // Written out: SQLite looks into a partial index for a literal only.
      .where('state', '=', sql.lit('held'))
      .where('expires_at', '<=', now)
      .orderBy('expires_at')
      .limit(limit)
      .execute()
  );
}
