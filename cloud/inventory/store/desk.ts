import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import type { Command, Outcome } from '../domain/command.ts';
import { book, takeTurn } from './book.ts';
import type { InventoryTables } from './tables.ts';

/** Commands of one transaction. */
const BATCH_MAX = 256;
/** Beyond this a caller is told UNAVAILABLE at once. */
const WAITING_MAX = 8_192;

export interface DeskOptions {
  readonly sql: Sql<InventoryTables>;
  readonly outbox: Outbox;
  readonly runtime: Runtime;
  /** A transaction that changed the ledger was committed. */
  readonly committed: () => void;
}

/**
 * Where the ledger is changed. Commands that come while a transaction runs share the next one, each
 * with an outcome of its own: an item that everybody wants costs one row's update per batch instead
 * of a fight for each.
 */
export interface Desk {
  /** Resolves when the command's effect is durable. */
  run(command: Command): Promise<Outcome>;
  /** Other statements in the same transaction, before the commands. */
  transaction<T>(work: (tx: Transaction<InventoryTables>) => Promise<T>): Promise<T>;
  /** For `transaction`: inside it, on its `tx`. */
  book(tx: Transaction<InventoryTables>, commands: readonly Command[]): Promise<readonly Outcome[]>;
  /** Waits for what is on its way. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly command: Command;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export function createDesk(options: DeskOptions): Desk {
  const { sql, outbox, runtime, committed } = options;
  const { clock, steps } = runtime;
  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  const transaction = async <T>(
    work: (tx: Transaction<InventoryTables>) => Promise<T>,
  ): Promise<T> => {
    const result = await sql.transaction(async (tx) => {
      await takeTurn(tx, sql.technology);
      const value = await work(tx);
      steps.reach('inventory.before-commit');
      return value;
    });
    steps.reach('inventory.committed');
    committed();
    return result;
  };
  const bookOn: Desk['book'] = (tx, commands) =>
    book(tx, commands, { outbox, now: clock.nowMicros() });
  const runTogether = async (batch: readonly Waiting[]): Promise<void> => {
    const commands = batch.map(({ command }) => command);
    const outcomes = await transaction((tx) => bookOn(tx, commands));
    for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index]!);
  };
  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      await runTogether(batch);
    } catch (error) {
      if (batch.length === 1 || !isOfOne(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      // One of them cannot be stored: it alone shall fail.
      for (const one of batch) await settle([one]);
    }
  };
  const pump = async (): Promise<void> => {
    while (waiting.length > 0) {
      // What this turn of the event loop still brings goes along.
      await clock.sleep(0);
      await settle(waiting.splice(0, BATCH_MAX));
    }
    running = undefined;
  };
  return {
    run: (command) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= WAITING_MAX) {
          reject(new AppError('UNAVAILABLE', `${WAITING_MAX} changes of stock wait already`));
          return;
        }
        waiting.push({ command, resolve, reject });
        running ??= pump();
      }),
    transaction,
    book: bookOn,
    stop: async () => running,
  };
}

/** What the database refuses about a single command, whatever the state of disk and neighbours. */
export function isOfOne(error: unknown): boolean {
  if (error instanceof AssertionError) return false;
  return !(error instanceof AppError) || error.code === 'REQUEST_INVALID';
}
