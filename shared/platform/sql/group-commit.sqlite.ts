import { AppError } from '../../lib/app-error.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { assertDurable, type Database, isBusy, sqliteFailure } from '../../runtime/sqlite.ts';
import type { Steps } from '../../runtime/steps.ts';
import type { SharedSync } from './shared-sync.sqlite.ts';

/** Bounds how long one group keeps the event loop busy, and how many wait for one sync. */
const GROUP_SIZE_MAX = 512;
/** Beyond this a caller is told UNAVAILABLE at once. */
const WAITING_MAX = 10_000;
/** How long a transaction waits for its turn behind slow ones. */
const WAIT_MS_MAX = 30_000;
/** Groups that were committed and not synced yet; beyond, nobody is seated. */
const UNTOLD_MAX = 64;
/** How long a group waits for another process that writes the same file. */
const LOCK_MS_MAX = 5_000;
const LOCK_RETRY_MS_MAX = 20;

export interface GroupCommitOptions {
  /** The only connection of this process that writes the file. */
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  /** Of the file's log: what makes a commit durable. */
  readonly sync: SharedSync;
  /** Resolves when what is ready in the event loop has run, so that it can join the group. */
  readonly nextTurn: () => Promise<void>;
}

/** A transaction's savepoint. Exactly one seat is open at any time. */
export interface Seat {
  /**
   * Ends the savepoint and resolves after the group's sync, also for `undo`: what the transaction
   * saw of its neighbours is on disk by then. `again` when the group was lost and this one did not
   * spoil it.
   */
  leave(verdict: Verdict): Promise<'committed' | 'again'>;
}

export type Verdict = 'keep' | 'undo';

export interface EnterOptions {
  /** In a group of its own, so that what spoils it cannot spoil others. */
  readonly alone: boolean;
}

/** Prepared once: parsing them costs as much as a small transaction does. */
type Control = 'begin' | 'commit' | 'rollback' | 'sit' | 'undo' | 'leave';

interface Entry extends EnterOptions {
  readonly sinceMs: number;
  readonly resolve: (seat: Seat) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets the transactions of one turn of the event loop share one outer transaction: each is a
 * savepoint in it, one after the other. Groups share syncs, which run beside the event loop; each
 * transaction is told only after a sync that began after its commit.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #control: Readonly<Record<Control, { run(): unknown }>>;
  readonly #waiting: Entry[] = [];
  #pumping = false;
  #checked = false;
  #untold = 0;
  /** Of the last group; never rejects unheard. */
  #lastTold: Promise<void> = Promise.resolve();
  #broken: AppError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    const prepare = (sql: string) => options.database.prepare(sql);
    this.#control = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      rollback: prepare('ROLLBACK'),
      sit: prepare('SAVEPOINT seat'),
      undo: prepare('ROLLBACK TO seat'),
      leave: prepare('RELEASE seat'),
    };
  }

  enter({ alone }: EnterOptions): Promise<Seat> {
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(
        new AppError('UNAVAILABLE', `${WAITING_MAX} transactions wait for the writer already`),
      );
    }
    return new Promise((resolve, reject) => {
      const sinceMs = this.#options.clock.monotonicMs();
      this.#waiting.push({ alone, sinceMs, resolve, reject });
      if (!this.#pumping) void this.#pump();
    });
  }

  /** Resolves when everything that can be seen of this process's commits is on disk. */
  async durable(): Promise<void> {
    if (this.#untold > 0) await this.#lastTold;
    if (this.#broken) throw this.#broken;
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#waiting.length > 0) {
      await this.#options.nextTurn();
      // A failed sync is found by the next group's begin.
      if (this.#untold >= UNTOLD_MAX) await this.#lastTold.catch(() => undefined);
      await this.#run(this.#nextGroup());
    }
    this.#pumping = false;
  }

  #nextGroup(): Entry[] {
    if (this.#waiting[0]?.alone) return this.#waiting.splice(0, 1);
    const alone = this.#waiting.findIndex((entry) => entry.alone);
    const size = alone === -1 ? this.#waiting.length : alone;
    return this.#waiting.splice(0, Math.min(size, GROUP_SIZE_MAX));
  }

  async #run(group: Entry[]): Promise<void> {
    const settled = Promise.withResolvers<'committed' | 'again'>();
    // Nobody listens when no seat was taken; the entries are rejected themselves then.
    settled.promise.catch(() => undefined);
    const unseated = [...group];
    try {
      await this.#begin();
      for (const entry of group) {
        unseated.shift();
        await this.#seat(entry, settled.promise);
      }
      this.#commit();
      this.#tell(settled);
    } catch (cause) {
      const error = this.#lost(cause);
      const retry = !this.#broken && unseated.length < group.length && !group[0]?.alone;
      if (retry) {
        settled.resolve('again');
        this.#waiting.unshift(...unseated);
      } else {
        settled.reject(error);
        for (const entry of unseated) entry.reject(error);
      }
    }
  }

  /** Waits without blocking the event loop; SQLite's own waiting would. */
  async #begin(): Promise<void> {
    if (this.#broken) throw this.#broken;
    const { clock, random } = this.#options;
    const endMs = clock.monotonicMs() + LOCK_MS_MAX;
    for (;;) {
      try {
        this.#control.begin.run();
        return;
      } catch (cause) {
        if (!isBusy(cause)) throw cause;
        if (clock.monotonicMs() >= endMs) throw sqliteFailure(cause);
      }
      await clock.sleep(1 + random.int(LOCK_RETRY_MS_MAX));
    }
  }

  async #seat(entry: Entry, settled: Promise<'committed' | 'again'>): Promise<void> {
    const { clock, database } = this.#options;
    if (clock.monotonicMs() - entry.sinceMs > WAIT_MS_MAX) {
      entry.reject(new AppError('UNAVAILABLE', `no turn for a transaction in ${WAIT_MS_MAX} ms`));
      return;
    }
    this.#control.sit.run();
    const left = Promise.withResolvers<Verdict>();
    entry.resolve({
      leave: (verdict) => {
        left.resolve(verdict);
        return settled;
      },
    });
    const verdict = await left.promise;
    if (!database.inTransaction) {
      // SQLite rolls everything back by itself when, say, the disk is full.
      if (entry.alone && verdict === 'undo') return;
      throw new Error('a failed statement rolled back the whole group');
    }
    if (verdict === 'undo') this.#control.undo.run();
    this.#control.leave.run();
  }

  #commit(): void {
    const { database, steps } = this.#options;
    if (!database.inTransaction) return;
    steps.reach('sql.commit');
    this.#control.commit.run();
    if (!this.#checked) assertDurable(database, 'caller');
    this.#checked = true;
  }

  /** The next group does not wait for it. */
  #tell({ resolve, reject }: PromiseWithResolvers<'committed' | 'again'>): void {
    const { sync, steps } = this.#options;
    this.#untold += 1;
    this.#lastTold = sync.join().then(
      () => {
        this.#untold -= 1;
        steps.reach('sql.committed');
        resolve('committed');
      },
      (error: AppError) => {
        this.#broken = error;
        reject(error);
        throw error;
      },
    );
    // The group's own callers were told; who reads later asks for it again.
    this.#lastTold.catch(() => undefined);
  }

  /** Leaves nothing of the group. After a failed sync nothing is ever acknowledged again here. */
  #lost(cause: unknown): unknown {
    const { database } = this.#options;
    const error = sqliteFailure(cause);
    if (error instanceof AppError && error.code === 'STORE_NOT_DURABLE') this.#broken = error;
    if (database.inTransaction) this.#control.rollback.run();
    return error;
  }
}
