import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { AuditTables } from './tables.ts';

/** How much there is to verify, by the records of the chains' ends. */
export async function totals(
  db: Reader<AuditTables>,
): Promise<{ readonly entries: number; readonly heads: number }> {
  const chains = await db.selectFrom('audit_chains').select('length').execute();
  const head = await db
    .selectFrom('audit_heads')
    .select('head_index')
    .orderBy('head_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  const entries = chains.reduce((sum, { length }) => sum + Number(length), 0);
  return { entries, heads: Number(head?.head_index ?? 0n) };
}
