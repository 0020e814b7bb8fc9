import { AppError } from '../../lib/app-error.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { type Database, sqliteFailure } from '../../runtime/sqlite.ts';

/** Reads that are open at the same moment, each on a state of its own; others wait. */
const READERS_MAX = 4;
const WAITING_MAX = 10_000;
const WAIT_MS_MAX = 30_000;

interface Reader {
  readonly database: Database;
  /** Prepared once: they are run with each read. */
  readonly begin: Control;
  readonly rollback: Control;
}

interface Control {
  run(): unknown;
}

interface Waiting {
  readonly resolve: (reader: Reader) => void;
  readonly timer: Timer;
}

/**
 * Read connections, opened when first needed. None ever waits for the writer: that is what the WAL
 * is for.
 */
export class ReaderPool {
  readonly #open: () => Database;
  readonly #clock: Clock;
  readonly #all: Reader[] = [];
  readonly #idle: Reader[] = [];
  readonly #waiting: Waiting[] = [];

  constructor(open: () => Database, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Runs the body on one state of the file: the last commit before its first statement. */
  async read<T>(body: (database: Database) => Promise<T>): Promise<T> {
    const reader = await this.#take();
    const { database } = reader;
    try {
      reader.begin.run();
      return await body(database);
    } catch (cause) {
      throw sqliteFailure(cause);
    } finally {
      // Nothing was written, so there is nothing that a commit could keep.
      if (database.inTransaction) reader.rollback.run();
      this.#give(reader);
    }
  }

  close(): void {
    for (const { database } of this.#all) database.close();
  }

  #take(): Promise<Reader> {
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.#all.length < READERS_MAX) {
      const reader = readerOf(this.#open());
      this.#all.push(reader);
      return Promise.resolve(reader);
    }
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(WAIT_MS_MAX, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(busy());
      });
      const waiting: Waiting = { resolve, timer };
      this.#waiting.push(waiting);
    });
  }

  #give(reader: Reader): void {
    const next = this.#waiting.shift();
    if (!next) {
      this.#idle.push(reader);
      return;
    }
    next.timer.cancel();
    next.resolve(reader);
  }
}

function readerOf(database: Database): Reader {
  return {
    database,
    begin: database.prepare('BEGIN'),
    rollback: database.prepare('ROLLBACK'),
  };
}

function busy(): AppError {
  return new AppError('UNAVAILABLE', `too many reads wait for one of ${READERS_MAX} connections`);
}
