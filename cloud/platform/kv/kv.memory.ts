import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Kv } from './kv.ts';

export const KEY_BYTES_MAX = 512;
export const VALUE_BYTES_MAX = 1024 * 1024;
/** Beyond either bound the value that was unused for longest goes first. */
export const ENTRIES_MAX = 100_000;
export const BYTES_MAX = 64 * 1024 * 1024;

export interface MemoryKvOptions {
  readonly runtime: Pick<Runtime, 'clock'>;
  readonly entriesMax?: number;
  readonly bytesMax?: number;
}

interface Entry {
  readonly value: string;
  readonly bytes: number;
  readonly expiresAtMs: number;
}

/**
 * Values in this process's memory. Two processes do not share them: wiring refuses to start several
 * on it.
 */
export function openMemoryKv(options: MemoryKvOptions): Kv {
  return new MemoryKv(options);
}

class MemoryKv implements Kv {
  readonly #options: MemoryKvOptions;
  // A Map keeps the order of insertion; an entry that is used is put in again, so the first is the
  // least recently used.
  readonly #entries = new Map<string, Entry>();
  #bytesHeld = 0;
  #closed = false;

  constructor(options: MemoryKvOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<string | undefined> {
    this.#begin(key);
    const entry = this.#find(key);
    if (entry) this.#put(key, entry);
    return entry?.value;
  }

  async set(key: string, value: string, { ttlMs }: { ttlMs: number }): Promise<void> {
    this.#begin(key, ttlMs);
    this.#put(key, entryOf(key, value, this.#expiry(ttlMs)));
  }

  async setIfAbsent(key: string, value: string, { ttlMs }: { ttlMs: number }): Promise<boolean> {
    this.#begin(key, ttlMs);
    const entry = entryOf(key, value, this.#expiry(ttlMs));
    if (this.#find(key)) return false;
    this.#put(key, entry);
    return true;
  }

  async increment(key: string, { ttlMs }: { ttlMs: number }): Promise<number> {
    this.#begin(key, ttlMs);
    const entry = this.#find(key);
    const sum = entry ? countOf(key, entry.value) + 1 : 1;
    this.#put(key, entryOf(key, String(sum), entry?.expiresAtMs ?? this.#expiry(ttlMs)));
    return sum;
  }

  async delete(key: string): Promise<void> {
    this.#begin(key);
    this.#remove(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
  }

  #begin(key: string, ttlMs?: number): void {
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the key-value store is closed');
    checkKey(key);
    if (ttlMs !== undefined) checkTtl(ttlMs);
  }

  // On the monotonic clock: a wall clock that is set must not revive or kill values.
  #expiry(ttlMs: number): number {
    return this.#options.runtime.clock.monotonicMs() + ttlMs;
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.expiresAtMs > this.#expiry(0)) return entry;
    this.#remove(key);
    return undefined;
  }

  #put(key: string, entry: Entry): void {
    const { entriesMax = ENTRIES_MAX, bytesMax = BYTES_MAX } = this.#options;
    this.#remove(key);
    this.#entries.set(key, entry);
    this.#bytesHeld += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= entriesMax && this.#bytesHeld <= bytesMax) break;
      if (oldest !== key) this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#bytesHeld -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

function entryOf(key: string, value: string, expiresAtMs: number): Entry {
  const valueBytes = Buffer.byteLength(value);
  if (valueBytes > VALUE_BYTES_MAX) {
    throw new AppError('REQUEST_INVALID', `a value has ${valueBytes} bytes, more than 1 MiB`);
  }
  return { value, bytes: Buffer.byteLength(key) + valueBytes, expiresAtMs };
}

function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= KEY_BYTES_MAX) return;
  throw new AppError('REQUEST_INVALID', `a key has ${bytes} bytes, not 1 to ${KEY_BYTES_MAX}`);
}

function checkTtl(ttlMs: number): void {
  assert(Number.isInteger(ttlMs) && ttlMs >= 1, 'a time to live is a whole number of ms above 0');
}

function countOf(key: string, value: string): number {
  if (/^-?[0-9]{1,15}$/.test(value)) return Number(value);
  throw new AppError('REQUEST_INVALID', `the value of ${key} is not a count`);
}
