/**
 * What a person means to do once. The Idempotency-Key is drawn with the intention: an attempt whose
 * answer was lost is repeated with the same key, so that it is not done twice. Something else, or
 * the same thing meant again after it was done, is another intention.
 */
export interface Intention {
  keyFor(payload: unknown): string;
  /** The cloud has answered that it is done. */
  done(): void;
}

export function createIntention(draw: () => string): Intention {
  let drawn: { readonly payload: string; readonly key: string } | undefined;
  return {
    keyFor(payload) {
      const text = JSON.stringify(payload) ?? '';
      if (drawn?.payload !== text) drawn = { payload: text, key: draw() };
      return drawn.key;
    },
    done() {
      drawn = undefined;
    },
  };
}
