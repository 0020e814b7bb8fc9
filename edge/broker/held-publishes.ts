import type { AppendOutcome } from '../buffer/buffer.ts';

/** What became of an append. */
export type Settled =
  | { readonly kind: 'outcome'; readonly outcome: AppendOutcome }
  | { readonly kind: 'failed'; readonly error: unknown };

interface Held {
  readonly sinceMs: number;
  readonly done: (settled: Settled) => void;
  settled: Settled | undefined;
}

/**
 * The publishes of one connection whose acknowledgements wait: they leave in order [MQTT-4.6.0-2].
 */
export class HeldPublishes {
  readonly #queue: Held[] = [];

  /** Since when the oldest one waits; undefined when none does. */
  get oldestSinceMs(): number | undefined {
    return this.#queue[0]?.sinceMs;
  }

  hold(appended: Promise<AppendOutcome>, sinceMs: number, done: (settled: Settled) => void): void {
    const held: Held = { sinceMs, done, settled: undefined };
    this.#queue.push(held);
    appended.then(
      (outcome) => this.#settle(held, { kind: 'outcome', outcome }),
      (error: unknown) => this.#settle(held, { kind: 'failed', error }),
    );
  }

  #settle(held: Held, settled: Settled): void {
    held.settled = settled;
    for (let first = this.#queue[0]; first?.settled; first = this.#queue[0]) {
      this.#queue.shift();
      first.done(first.settled);
    }
  }
}
