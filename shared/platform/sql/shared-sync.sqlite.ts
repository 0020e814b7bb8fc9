import { AppError } from '../../lib/app-error.ts';
import { messageOf } from '../../lib/message-of.ts';
import { type Clock, withDeadline } from '../../runtime/clock.ts';
import type { LogSync } from '../../runtime/sqlite.ts';

/** A disk that does not answer for so long is taken for broken. */
const SYNC_MS_MAX = 30_000;

/** One sync at a time; who comes while one is under way shares the next one. */
export class SharedSync {
  readonly #log: LogSync;
  readonly #clock: Clock;
  #next: PromiseWithResolvers<void> | undefined;
  #isRunning = false;
  /** Set for ever: a second sync after a failed one may succeed without having written anything. */
  #failure: AppError | undefined;

  constructor(log: LogSync, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Resolves after a sync that began after this call; rejects with STORE_NOT_DURABLE. */
  join(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  close(): void {
    this.#log.close();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#next) {
      const { resolve, reject } = this.#next;
      this.#next = undefined;
      await this.#sync().then(resolve, reject);
    }
    this.#isRunning = false;
  }

  async #sync(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const late = (): Error => new Error(`no answer in ${SYNC_MS_MAX} ms`);
    try {
      await withDeadline(this.#log.sync(), { clock: this.#clock, ms: SYNC_MS_MAX, late });
    } catch (cause) {
      const reason = messageOf(cause);
      this.#failure = new AppError('STORE_NOT_DURABLE', `the disk failed: ${reason}`, {
        cause,
        hint: 'Look at the disk, then restart the process; it verifies the file when it opens it.',
        operatorOnly: true,
      });
      throw this.#failure;
    }
  }
}
