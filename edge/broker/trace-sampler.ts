/** Picks every n-th message for a trace: no randomness on the data path. */
export class TraceSampler {
  readonly #ratio: number;
  #sum = 0;

  /** The share of messages that begin a trace, 0 to 1. */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** Whether `next` will pick. */
  get isDue(): boolean {
    return this.#sum + this.#ratio >= 1;
  }

  next(): boolean {
    this.#sum += this.#ratio;
    if (this.#sum < 1) return false;
    this.#sum -= 1;
    return true;
  }
}
