import { AppError } from '@holdfast/shared/lib/app-error.ts';

/** Gateways that are greeted at once: each asks the log and writes one transaction. */
export const GREETINGS_MAX = 8;
/** So many wait for their turn; more are told to come later, before their own patience ends. */
export const GREETINGS_WAITING_MAX = 256;
/** When they shall come again; each takes a random part of it off. */
const RETRY_AFTER_MS = 4_000;

/**
 * Lets a fleet that comes back at once in by turns: a gateway says Hello when it is let in, so that
 * its deadline does not begin while it waits.
 */
export class GreetingGate {
  readonly #waiting = new Set<() => void>();
  #greeting = 0;

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `enter` when it is the stream's turn; the returned function says that the greeting is
   * over, or that nobody waits any more. Throws RATE_LIMITED.
   */
  ask(enter: () => void): () => void {
    if (this.#waiting.size >= GREETINGS_WAITING_MAX) throw tooMany();
    let state: 'waiting' | 'greeting' | 'over' = 'waiting';
    const begin = (): void => {
      state = 'greeting';
      this.#greeting++;
      enter();
    };
    this.#waiting.add(begin);
    const leave = (): void => {
      if (state === 'waiting') this.#waiting.delete(begin);
      else if (state === 'greeting') this.#greeting--;
      state = 'over';
      this.#next();
    };
    this.#next();
    return leave;
  }

  #next(): void {
    while (this.#greeting < GREETINGS_MAX) {
      const [begin] = this.#waiting;
      if (!begin) return;
      this.#waiting.delete(begin);
      begin();
    }
  }
}

function tooMany(): AppError {
  return new AppError('RATE_LIMITED', 'too many gateways connect at once', {
    hint: 'connect again in some seconds',
    retryAfterMs: RETRY_AFTER_MS,
  });
}
