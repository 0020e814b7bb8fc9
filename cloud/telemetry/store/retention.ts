import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { sql as raw } from 'kysely';
import type { TelemetryTables } from './tables.ts';

/** Rows that one transaction deletes. */
const ROWS_PER_STEP = 512;

/**
 * Deletes folded readings that the cloud stored before `storedBefore`: a step's worth. Returns how
 * many parts.
 */
export function forgetReadings(sql: Sql<TelemetryTables>, storedBefore: bigint): Promise<number> {
  return sql.transaction(async (tx) => {
    const rows = await tx
      .selectFrom('parts')
      .select('id')
      // Written out and not a parameter, so that the partial index applies.
      .where('folded', '=', raw.lit(1n))
      .where('stored_at', '<', storedBefore)
      .orderBy('stored_at')
      .limit(ROWS_PER_STEP)
      .execute();
    const ids = rows.map((row) => row.id);
    if (ids.length > 0) await tx.deleteFrom('parts').where('id', 'in', ids).execute();
    return ids.length;
  });
}

/**
 * Deletes the minutes of hours that were last added to before `storedBefore`. Returns of how many.
 */
export function forgetMinutes(sql: Sql<TelemetryTables>, storedBefore: bigint): Promise<number> {
  return sql.transaction(async (tx) => {
    const rows = await tx
      .selectFrom('roll_ups')
      .select(['series_id', 'hour', 'revision'])
      .where('minutes', 'is not', null)
      .where('stored_at', '<', storedBefore)
      .orderBy('stored_at')
      .limit(ROWS_PER_STEP)
      .execute();
    for (const { series_id, hour, revision } of rows) {
      await tx
        .updateTable('roll_ups')
        // A fold that read the minutes before must not write them back.
        .set({ minutes: null, revision: revision + 1n })
        .where('series_id', '=', series_id)
        .where('hour', '=', hour)
        .execute();
    }
    return rows.length;
  });
}
