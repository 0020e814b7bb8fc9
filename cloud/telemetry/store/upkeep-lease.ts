import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { CLOCK_SKEW_MS_MAX } from '@holdfast/shared/runtime/clock.ts';
import type { TelemetryTables } from './tables.ts';

const NAME = 'upkeep';
const LEASE_MICROS = 10_000_000n;
const SKEW_MICROS = BigInt(CLOCK_SKEW_MS_MAX) * 1000n;

/**
 * True when this process folds and deletes for the next seconds. Two that both believe it only
 * waste work.
 */
export function takeUpkeep(
  sql: Sql<TelemetryTables>,
  { holder, now }: { readonly holder: string; readonly now: bigint },
): Promise<boolean> {
  const row = { name: NAME, holder, until: now + LEASE_MICROS };
  return sql.transaction(async (tx) => {
    const result = await tx
      .insertInto('leases')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ holder, until: row.until })
          .where((where) =>
            where.or([
              where('leases.until', '<', now),
              where('leases.holder', '=', holder),
              // Taken under a clock that has been set back: without this it would last as long.
              where('leases.until', '>', row.until + SKEW_MICROS),
            ]),
          ),
      )
      .executeTakeFirst();
    return result.numInsertedOrUpdatedRows === 1n;
  });
}
