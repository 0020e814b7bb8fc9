import { type Compilable, CompiledQuery, type Transaction } from 'kysely';

/** How SQLite goes about a query, a line for each of its steps: EXPLAIN QUERY PLAN. */
export async function planOf<DB>(tx: Transaction<DB>, query: Compilable): Promise<string[]> {
  const { sql, parameters } = query.compile();
  const asked = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
  const { rows } = await tx.executeQuery<{ detail: string }>(asked);
  return rows.map(({ detail }) => detail);
}
