import type { CompiledQuery, Dialect, QueryResult } from 'kysely';
import type { Technology } from './sql.ts';

/**
 * Runs one statement inside one transaction. Rejects with an AppError when the failure is
 * operating.
 */
export type Execute = (query: CompiledQuery) => Promise<QueryResult<unknown>>;

/**
 * What is done inside a transaction, which commits when it resolves and rolls back when it rejects.
 */
export type Body<T> = (execute: Execute) => Promise<T>;

export type Transact = <T>(body: Body<T>) => Promise<T>;

/** What an adapter brings; `openHandle` makes the port of it. */
export interface Engine {
  readonly technology: Technology;
  /** Compiles queries. Its driver is never used: each transaction has a connection of its own. */
  readonly dialect: Dialect;
  /** Runs the body again after SQL_CONTENTION from a statement or from the commit. */
  readonly transaction: Transact;
  readonly read: Transact;
  /** A transaction that no other process runs at the same time for this service; for migrations. */
  readonly exclusive: Transact;
  /** Called once, when nothing is running any more. */
  close(): Promise<void>;
}
