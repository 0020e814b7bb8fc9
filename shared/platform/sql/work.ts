import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  type QueryResult,
  Transaction,
} from 'kysely';
import { AppError } from '../../lib/app-error.ts';
import { assert } from '../../lib/assert.ts';
import { type Clock, withDeadline } from '../../runtime/clock.ts';
import type { Engine, Execute } from './engine.ts';

/** Set while a `work` runs, also in what it calls. */
const inside = new AsyncLocalStorage<{ open: boolean }>();

/**
 * Throws at once inside a `work`: there the handle would wait for the transaction that waits for
 * it.
 */
export function assertOutsideWork(call: string): void {
  assert(!inside.getStore()?.open, `${call} inside a transaction: only tx may be awaited there`);
}

export interface WorkOptions {
  readonly engine: Engine;
  readonly execute: Execute;
  readonly clock: Clock;
  readonly msMax: number;
}

/**
 * Runs `work` on one transaction's connection; what it throws is what the transaction ends with.
 */
export async function runWork<DB, T>(
  options: WorkOptions,
  work: (tx: Transaction<DB>) => Promise<T>,
): Promise<T> {
  const { engine, execute, clock, msMax } = options;
  const connection = new WorkConnection(execute);
  const tx = transactionOn<DB>(engine, connection);
  const scope = { open: true };
  const late = (): Error =>
    new AppError('DEADLINE_EXCEEDED', `a transaction was not done after ${msMax} ms`, {
      hint: 'Nothing but its own statements may be awaited inside a transaction.',
      operatorOnly: true,
    });
  try {
    const running = inside.run(scope, async () => work(tx));
    const result = await withDeadline(running, { clock, ms: msMax, late });
    if (connection.failure) throw connection.failure.error;
    return result;
  } catch (error) {
    // Contention decides about a retry, also when `work` wrapped it in an error of its own.
    throw connection.contention ?? error;
  } finally {
    scope.open = false;
    connection.end();
  }
}

/** A Kysely transaction whose statements run on this connection. */
export function transactionOn<DB>(
  { dialect }: Pick<Engine, 'dialect'>,
  connection: DatabaseConnection,
): Transaction<DB> {
  // Not one after the other, as the library's own provider does: what is issued at once is sent at
  // once, in the order of its issue.
  const executor = compilerOf(dialect).withConnectionProvider({
    provideConnection: (consumer) => consumer(connection),
  });
  return new Transaction<DB>({ config: { dialect }, dialect, driver: new DummyDriver(), executor });
}

/** Kept per dialect: making it costs more than a small transaction. */
const compilers = new WeakMap<object, ReturnType<Kysely<unknown>['getExecutor']>>();

function compilerOf(dialect: Engine['dialect']): ReturnType<Kysely<unknown>['getExecutor']> {
  const known = compilers.get(dialect);
  if (known) return known;
  const executor = new Kysely<unknown>({ dialect }).getExecutor();
  compilers.set(dialect, executor);
  return executor;
}

function isContention(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'SQL_CONTENTION';
}

/** The transaction's own: a commit from inside would end the transactions of others with it. */
const CONTROL = /^\s*(begin|start|commit|end|rollback|abort|savepoint|release|attach|detach)\b/i;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** The connection of one transaction: ends with it, and after its first failed statement. */
class WorkConnection implements DatabaseConnection {
  readonly #execute: Execute;
  #ended = false;
  failure: { readonly error: unknown } | undefined;
  /** Not only the first failure: of statements that were issued at once, any may have met it. */
  contention: AppError | undefined;

  constructor(execute: Execute) {
    this.#execute = execute;
  }

  end(): void {
    this.#ended = true;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    assert(!this.#ended, 'a statement is awaited before its transaction ends');
    assert(!CONTROL.test(query.sql), 'the transaction is begun and ended by the port alone');
    if (this.failure) {
      throw new AppError('INTERNAL', 'an earlier statement of this transaction failed', {
        cause: this.failure.error,
        retry: 'never',
      });
    }
    try {
      for (const parameter of query.parameters) checkParameter(parameter);
      return (await this.#execute(query)) as QueryResult<R>;
    } catch (error) {
      this.failure ??= { error };
      if (isContention(error)) this.contention ??= error;
      throw error;
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    assert(false, 'a query is read in pages, never as a stream');
  }
}

/** Lets through what every adapter keeps unchanged. */
function checkParameter(value: unknown): void {
  if (value === null || value instanceof Uint8Array) return;
  if (typeof value === 'string') {
    if (value.includes('\0')) throw refused('text with U+0000');
  } else if (typeof value === 'number') {
    if (Number.isNaN(value)) throw refused('NaN');
  } else if (typeof value === 'bigint') {
    if (value > INT64_MAX || value < INT64_MIN) throw refused('an integer beyond 64 bits');
  } else {
    throw refused(`a parameter of type ${value === undefined ? 'undefined' : typeof value}`);
  }
}

function refused(what: string): AppError {
  return new AppError('REQUEST_INVALID', `${what} cannot be stored`);
}
