import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { AuthTables } from './tables.ts';

/**
 * Failed sign-ins per key in a window that starts with the first. They stand in SQL because every
 * process of `auth` must see them, and a restart must not forgive them.
 */
export async function failureCount(
  sql: Sql<AuthTables>,
  { key, now }: { readonly key: string; readonly now: bigint },
): Promise<number> {
  const row = await sql.read((db) =>
    db
      .selectFrom('sign_in_failures')
      .select('failures')
      .where('digest', '=', key)
      .where('expires_at', '>', now)
      .executeTakeFirst(),
  );
  return Number(row?.failures ?? 0n);
}

export async function countFailure(
  sql: Sql<AuthTables>,
  { key, now, windowMicros }: { key: string; now: bigint; windowMicros: bigint },
): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.deleteFrom('sign_in_failures').where('expires_at', '<=', now).execute();
    await tx
      .insertInto('sign_in_failures')
      .values({ digest: key, failures: 1n, expires_at: now + windowMicros })
      .onConflict((conflict) =>
        conflict
          .column('digest')
          .doUpdateSet((row) => ({ failures: row('sign_in_failures.failures', '+', 1n) })),
      )
      .execute();
  });
}
