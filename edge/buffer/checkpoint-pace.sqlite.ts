import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';

const SPAN_MS = 1_000;
/** Writes within a span from which on the next commit does not wait long for this one. */
const BUSY_WRITES = 50;
const BUSY_BYTES = 256 * 1024;

/**
 * How much the log holds before it is copied into the file, which the commit that fills it waits
 * for. While writes are rare, much: what is sealed or freed soon is then never copied. While one
 * follows the other, little: else one acknowledgement in a hundred would wait for megabytes.
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
}
