import type { Kysely, Transaction } from 'kysely';

/**
 * A service's own tables. One set of queries runs on every adapter.
 *
 * - A transaction is serializable. `work` MAY run more than once (PostgreSQL: 40001 and 40P01 are
 *   retried at most twelve times, then SQL_CONTENTION; SQLite: when a neighbour in its group spoilt
 *   the group's commit), so it MUST have no effect but its statements.
 * - When `transaction` resolves, its effect MUST survive a power cut; until then nobody else sees
 *   it. When `work` throws, nothing of it remains and the same error is thrown.
 * - UNAVAILABLE MAY come after the commit, when the connection broke: do it again, idempotently.
 * - A failed statement ends the transaction, even when it was caught: use `on conflict`.
 * - Statements that `work` issues at once, to await them with `Promise.all`, run in that order. The
 *   first that fails is the failure of all that were issued after it and of the transaction.
 * - Inside `work` only `tx` may be awaited. `read`, `transaction` and `close` of every handle throw
 *   at once there. Work that takes longer than TRANSACTION_MS_MAX is rolled back:
 *   DEADLINE_EXCEEDED.
 * - `read` sees one state, the last commit before its first statement, and MUST NOT write. It does
 *   not wait for a writer. Its `work` MAY run more than once, too (PostgreSQL: when a migration
 *   changed what one of its statements gives).
 * - Integers are `bigint` (a comparison is 0n or 1n), reals `number`, blobs `Uint8Array`, absent
 *   values `null`, on every adapter; parameters too. Text with U+0000, NaN and integers beyond 64
 *   bits are refused.
 * - Text sorts and compares by bytes, `like` minds the case. Times are integer microseconds since
 *   1970.
 * - Columns have one of the types of `column-types.ts`, and hold nothing else.
 * - Tables are the service's own: two services never see each other's. Migrations run once, in
 *   order, also when several processes start at once; a migration that fails leaves nothing behind
 *   and names itself; one that was changed, or that only a newer version knows, is refused.
 * - After `close`, every call throws UNAVAILABLE; what was running is finished first.
 *
 * Where nulls sort is up to the technology: order by columns that are never null.
 */
export interface Sql<DB> {
  readonly technology: Technology;
  read<T>(work: (db: Reader<DB>) => Promise<T>): Promise<T>;
  transaction<T>(work: (tx: Transaction<DB>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export type Technology = 'sqlite' | 'postgres';

/** How long one run of `work` may take. Nothing else than `tx` is awaited in it, so it is short. */
export const TRANSACTION_MS_MAX = 10_000;

/** The part of Kysely that reads. */
export type Reader<DB> = Pick<Kysely<DB>, 'selectFrom' | 'with' | 'withRecursive' | 'fn'>;

/**
 * Runs once per service and database. `id` sorts: `0001-readings`. Written once for both
 * technologies, with the column types of `column-types.ts`. What it does MUST NOT depend on time or
 * chance, for it is recognised by its statements.
 */
export interface Migration {
  readonly id: string;
  up(tx: Transaction<unknown>, technology: Technology): Promise<void>;
}

export interface OpenSqlOptions {
  /** The service, in kebab-case; names the SQLite file or the PostgreSQL schema. */
  readonly service: string;
  readonly migrations: readonly Migration[];
}

/** Opens the tables of one service. Wiring chooses what is behind it. */
export type OpenSql = <DB>(options: OpenSqlOptions) => Promise<Sql<DB>>;
