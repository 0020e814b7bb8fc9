const BUCKET_MS = 0.01;
const BUCKETS = 2_000_000;

/** Counts latencies to 10 µs, up to 20 s; what took longer counts as 20 s. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  record(ms: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.round(ms / BUCKET_MS)));
    this.#counts[bucket]! += 1;
    this.#total += 1;
  }

  /** The latency that `share` (0 to 1) of all stayed within; 0 when there was none. */
  quantileMs(share: number): number {
    let left = Math.ceil(this.#total * share);
    for (let bucket = 0; bucket < BUCKETS && left > 0; bucket++) {
      left -= this.#counts[bucket]!;
      if (left <= 0) return Math.round(bucket * BUCKET_MS * 100) / 100;
    }
    return 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}
