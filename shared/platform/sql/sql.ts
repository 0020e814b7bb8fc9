import type { Kysely, Transaction } from 'kysely';

/**
 * A service's own tables. One set of queries runs on every adapter.
 *
 * - A transaction is serializable. `work` MAY run more than once (PostgreSQL: 40001 and 40P01 are retried at most five
 *   times, then SQL_CONTENTION), so it MUST have no effect but its statements.
 * - When `transaction` resolves, its effect MUST survive a power cut; until then nobody else sees it. When `work`
 *   throws, nothing of it remains and the same error is thrown.
 * - A failed statement ends the transaction, even when it was caught: use `on conflict`.
 * - Inside `work` only `tx` may be awaited. `read` and `transaction` of the handle throw at once there.
 * - `read` sees the last commit and MUST NOT write. It does not wait for a writer.
 * - 64-bit integers are `bigint`, reals `number`, blobs `Uint8Array`, absent values `null`, on every adapter.
 * - Text sorts by bytes. Times are integer microseconds since 1970, as `bigint`.
 * - `search` finds rows by words (prefix of each word, all words, any case) in a column that a migration indexed.
 * - Tables are the service's own: two services never see each other's. Migrations run once, in order, also when
 *   several processes start at once; a migration that fails leaves nothing behind and names itself.
 * - After `close`, every call throws UNAVAILABLE; what was running is finished first.
 */
export interface Sql<DB> {
  readonly technology: 'sqlite' | 'postgres';
  read<T>(work: (db: Reader<DB>) => Promise<T>): Promise<T>;
  transaction<T>(work: (tx: Transaction<DB>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The part of Kysely that reads. */
export type Reader<DB> = Pick<Kysely<DB>, 'selectFrom' | 'with' | 'withRecursive' | 'fn'>;

/** Runs once per service and database. `id` sorts: `0001-readings`. Written for both technologies. */
export interface Migration {
  readonly id: string;
  up(tx: Transaction<unknown>, technology: 'sqlite' | 'postgres'): Promise<void>;
}

export interface OpenSqlOptions {
  /** The service; names the SQLite file or the PostgreSQL schema. */
  readonly service: string;
  readonly migrations: readonly Migration[];
}

/** Opens the tables of one service. Wiring chooses what is behind it. */
export type OpenSql = <DB>(options: OpenSqlOptions) => Promise<Sql<DB>>;
