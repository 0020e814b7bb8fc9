/**
 * Short-lived shared values: caches, presence, rate limits. Never the truth.
 *
 * - A value is gone after its time to live, and MAY be gone earlier (restart, memory). Callers work
 *   without it.
 * - Operations on one key take effect one after the other.
 * - Keys have at most 512 bytes, values at most 1 MiB; larger ones throw REQUEST_INVALID.
 * - After `close`, every call throws UNAVAILABLE.
 */
export interface Kv {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, options: { ttlMs: number }): Promise<void>;
  /** Stores only when the key is absent; true when it stored. */
  setIfAbsent(key: string, value: string, options: { ttlMs: number }): Promise<boolean>;
  /**
   * Adds one and returns the sum. The time to live starts with the first increment and is not
   * renewed.
   */
  increment(key: string, options: { ttlMs: number }): Promise<number>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
