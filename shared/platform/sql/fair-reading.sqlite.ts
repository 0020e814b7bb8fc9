import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.ts';
import type { Execute } from './engine.ts';

/** Reading, added up, after which the next read gives the event loop a turn. */
export const READING_MS_MAX = 5;

/**
 * Lets others go on between reads: one needs no turn of the event loop to resolve, so that many,
 * one after the other, would let nothing else happen.
 */
export class FairReading {
  readonly #clock: Clock;
  #spentMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before a read. */
  async turn(): Promise<void> {
    if (this.#spentMs < READING_MS_MAX) return;
    this.#spentMs = 0;
    await setImmediate();
  }

  timed(execute: Execute): Execute {
    return (query) => {
      const sinceMs = this.#clock.monotonicMs();
      const result = execute(query);
      this.#spentMs += this.#clock.monotonicMs() - sinceMs;
      return result;
    };
  }
}
