import type { Writable } from 'node:stream';
import type { CompiledQuery, QueryResult } from 'kysely';
import pg from 'pg';
import { AppError } from '../../lib/app-error.ts';
import { isStaleStatement, postgresFailure } from './session.postgres.ts';
import type { StatementNames } from './statement-names.postgres.ts';

export interface TransactionOptions {
  /** The statement that begins it. */
  readonly begin: string;
  /** Absent when no statement comes twice. */
  readonly names?: StatementNames | undefined;
}

/**
 * One transaction on a connection in pipeline mode: a statement is sent at once, behind those that
 * are not answered yet, and answers come in that order. The first failure is the failure of all
 * that follow.
 */
export class PipelinedTransaction {
  readonly #client: pg.PoolClient;
  readonly #begin: string;
  readonly #names: StatementNames | undefined;
  #begun = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(client: pg.PoolClient, { begin, names }: TransactionOptions) {
    this.#client = client;
    this.#begin = begin;
    this.#names = names;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async execute({ sql, parameters }: CompiledQuery): Promise<QueryResult<unknown>> {
    const name = this.#names?.nameOf(sql);
    const query = newQuery(sql, { values: parameters, name });
    if (!this.#begun) beginWith(query, this.#begin);
    this.#begun = true;
    const { command, rowCount, rows } = await this.#send(query);
    const changed = CHANGING.has(command) ? { numAffectedRows: BigInt(rowCount ?? 0) } : {};
    return { rows, ...changed };
  }

  async commit(): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (!this.#begun) return;
    const { command } = await this.#send(newQuery('COMMIT'));
    // The server answers so when the transaction had failed.
    if (command === 'ROLLBACK') {
      throw new AppError('INTERNAL', 'a failed statement had ended the transaction', {
        retry: 'never',
      });
    }
  }

  /** Waits for what is not answered yet, too. */
  async rollback(): Promise<void> {
    if (!this.#begun) return;
    const query = newQuery('ROLLBACK');
    await new Promise((resolve, reject) => {
      query.callback = (error) => (error ? reject(error) : resolve(undefined));
      this.#client.query(query);
    });
  }

  #send(query: Query): Promise<pg.QueryResult> {
    return new Promise((resolve, reject) => {
      query.callback = (cause, results) => {
        if (cause) this.#fail(query, cause);
        if (this.#failure) reject(this.#failure.error);
        else resolve(Array.isArray(results) ? results.at(-1)! : results);
      };
      corkForTurn(this.#client.connection.stream);
      this.#client.query(query);
    });
  }

  #fail({ text, name }: Query, cause: unknown): void {
    if (name && isStaleStatement(cause)) this.#names?.dropAll(text, name);
    this.#failure ??= { error: postgresFailure(cause) };
  }
}

const CHANGING = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** What the driver's query class has beyond its declared type. */
interface Query extends pg.Query {
  readonly text: string;
  name: string | undefined;
  queryMode: 'extended' | undefined;
  /** Several results when several statements were answered. */
  callback: (cause: unknown, results: pg.QueryResult | pg.QueryResult[]) => void;
}

interface QueryOptions {
  readonly values?: readonly unknown[];
  readonly name?: string | undefined;
}

/** Made here and not by `client.query`, which clones it, and sets a timer, for each statement. */
function newQuery(sql: string, { values, name }: QueryOptions = {}): Query {
  const query = new pg.Query(sql, values as unknown[]) as Query;
  query.name = name;
  return query;
}

/** One write for all that is sent in this turn: writing is more than half of a statement's CPU. */
function corkForTurn(stream: Writable): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/**
 * Sends the beginning in front of the query with one `Sync` for both: when it fails the server
 * skips the query, which then fails with the beginning's error (PostgreSQL, "Pipelining").
 */
function beginWith(query: Query, begin: string): void {
  query.queryMode = 'extended';
  const { submit } = query;
  query.submit = (connection) => {
    connection.parse({ name: '', text: begin, types: [] }, true);
    connection.bind({}, true);
    connection.execute({}, true);
    return submit.call(query, connection);
  };
}
