import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { type Database, sqliteCode } from '@holdfast/shared/runtime/sqlite.ts';

const SPAN_MS = 1_000;
/** Writes within a span from which on the log is kept short. */
const BUSY_WRITES = 50;
const BUSY_BYTES = 1024 * 1024;

/**
 * How much the log holds before it is copied into the file, which the commit that fills it waits
 * for. Under load, little: then that commit takes 2 to 3 ms longer, where a log of 16 MiB, an
 * eighth less written at 5,000 messages a second, had all that came meanwhile wait 40 ms. While
 * writes are rare, more: the pages that every commit writes are copied once.
 */
export class CheckpointPace {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #calmPages: number;
  readonly #busyPages: number;
  #isBusy = false;
  #writes = 0;
  #sinceMs: number;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    this.#calmPages = Number(database.pragma('wal_autocheckpoint', { simple: true }));
    this.#busyPages = BUSY_BYTES / Number(database.pragma('page_size', { simple: true }));
  }

  /** After each write. */
  wrote(): void {
    this.#writes += 1;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs < SPAN_MS) return;
    const isBusy = this.#writes >= BUSY_WRITES;
    this.#writes = 0;
    this.#sinceMs = nowMs;
    if (isBusy === this.#isBusy) return;
    this.#isBusy = isBusy;
    const pages = isBusy ? this.#busyPages : this.#calmPages;
    this.#database.pragma(`wal_autocheckpoint = ${pages}`);
  }

  /**
   * Does one write. On a full disk the log cannot grow to where it is copied: it is copied at once,
   * and the next write begins it anew in the room that it has.
   */
  guard<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (error instanceof AppError && error.code === 'BUFFER_FULL') this.#makeRoom();
      throw error;
    }
  }

  #makeRoom(): void {
    try {
      this.#database.pragma('wal_checkpoint(PASSIVE)');
    } catch (cause) {
      // The file has no room to grow either: the write's own failure says so.
      if (sqliteCode(cause) !== 'SQLITE_FULL') throw cause;
    }
  }
}
