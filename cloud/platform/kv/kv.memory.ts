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
  const { clock } = options.runtime;
  const entriesMax = options.entriesMax ?? ENTRIES_MAX;
  const bytesMax = options.bytesMax ?? BYTES_MAX;
  // A Map keeps the order of insertion; an entry that is used is put in again, so the first is the
  // least recently used.
  const entries = new Map<string, Entry>();
  let bytesHeld = 0;
  let closed = false;

  const remove = (key: string): void => {
    bytesHeld -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  const put = (key: string, entry: Entry): void => {
    remove(key);
    entries.set(key, entry);
    bytesHeld += entry.bytes;
    for (const oldest of entries.keys()) {
      if (oldest === key || (entries.size <= entriesMax && bytesHeld <= bytesMax)) break;
      remove(oldest);
    }
  };
  // Time to live runs on the monotonic clock: a wall clock that is set must not revive or kill
  // values.
  const expiry = (ttlMs: number): number => clock.monotonicMs() + ttlMs;
  const find = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry && entry.expiresAtMs > clock.monotonicMs()) return entry;
    remove(key);
    return undefined;
  };
  const begin = (key: string, ttlMs?: number): void => {
    if (closed) throw new AppError('UNAVAILABLE', 'the key-value store is closed');
    checkKey(key);
    if (ttlMs !== undefined) checkTtl(ttlMs);
  };

  return {
    async get(key) {
      begin(key);
      const entry = find(key);
      if (entry) put(key, entry);
      return entry?.value;
    },
    async set(key, value, { ttlMs }) {
      begin(key, ttlMs);
      put(key, entryOf(key, value, expiry(ttlMs)));
    },
    async setIfAbsent(key, value, { ttlMs }) {
      begin(key, ttlMs);
      const entry = entryOf(key, value, expiry(ttlMs));
      if (find(key)) return false;
      put(key, entry);
      return true;
    },
    async increment(key, { ttlMs }) {
      begin(key, ttlMs);
      const entry = find(key);
      const sum = entry ? countOf(key, entry.value) + 1 : 1;
      put(key, entryOf(key, String(sum), entry?.expiresAtMs ?? expiry(ttlMs)));
      return sum;
    },
    async delete(key) {
      begin(key);
      remove(key);
    },
    async close() {
      closed = true;
      entries.clear();
    },
  };
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
