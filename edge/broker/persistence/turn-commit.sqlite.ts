import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, sqliteCode } from '@holdfast/shared/runtime/sqlite.ts';

/** What nobody waits for is on disk after this at the latest. */
const EVENTUALLY_MS = 50;

export interface TurnCommitOptions {
  readonly database: Database;
  readonly runtime: Runtime;
  /** The open transaction was rolled back: what memory says of it is wrong. */
  readonly undone: () => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

/**
 * One transaction and one sync for everything that is asked for within a turn of the event loop.
 * The work runs at once, in the order of the calls, and each sees what those before it did.
 */
export class TurnCommit {
  readonly #options: TurnCommitOptions;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #timer: Timer | undefined;
  #failure: AppError | undefined;
  #closed = false;

  constructor(options: TurnCommitOptions) {
    this.#options = options;
  }

  /** Why nothing can be read or written any more; undefined while all is well. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  /** Resolves when the work's effect is on disk. */
  durably<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      try {
        result = this.#run(work);
      } catch (cause) {
        reject(cause);
        return;
      }
      this.#waiting.push({ resolve: () => resolve(result), reject });
      this.#scheduleTurn();
    });
  }

  /** The work's effect is on disk with the next commit; a crash before it undoes the work. */
  eventually<T>(work: () => T): T {
    const result = this.#run(work);
    this.#timer ??= this.#options.runtime.clock.after(EVENTUALLY_MS, () => this.flush());
    return result;
  }

  /** Commits what is open, now. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { database, runtime } = this.#options;
    const group = this.#waiting;
    if (group.length === 0 && !database.inTransaction) return;
    try {
      runtime.steps.reach('sessions.before-commit');
      if (database.inTransaction) database.exec('commit');
    } catch (cause) {
      this.#undo(cause);
      return;
    }
    this.#waiting = [];
    runtime.steps.reach('sessions.committed');
    for (const { resolve } of group) resolve();
  }

  /** Commits what is open; what is asked for afterwards rejects. */
  close(): void {
    this.flush();
    this.#closed = true;
  }

  /** What was read or written cannot be relied on: nothing is acknowledged from now on. */
  fail(cause: unknown): AppError {
    this.#failure ??= new AppError('UNAVAILABLE', 'the sessions file cannot be used', { cause });
    this.#options.runtime.log.error({ err: cause }, 'the sessions stop: their file failed');
    return this.#failure;
  }

  #run<T>(work: () => T): T {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the gateway stops');
    const { database } = this.#options;
    try {
      if (!database.inTransaction) database.exec('begin immediate');
      return work();
    } catch (cause) {
      throw this.#undo(cause);
    }
  }

  #scheduleTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Nothing of the transaction is on disk: all that wait for it are told. */
  #undo(cause: unknown): AppError {
    if (cause instanceof AssertionError) throw cause;
    const group = this.#waiting;
    this.#waiting = [];
    const error = this.#rolledBack(cause);
    for (const { reject } of group) reject(error);
    return error;
  }

  #rolledBack(cause: unknown): AppError {
    const { database, undone, runtime } = this.#options;
    // A full disk heals. After a failed sync nobody knows what the disk holds.
    if (sqliteCode(cause) !== 'SQLITE_FULL') return this.fail(cause);
    try {
      if (database.inTransaction) database.exec('rollback');
      undone();
    } catch (second) {
      return this.fail(second);
    }
    runtime.log.warn({ err: cause }, 'no disk space for the sessions');
    return new AppError('UNAVAILABLE', 'no disk space for the sessions', { cause });
  }
}
