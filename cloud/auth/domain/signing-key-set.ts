/**
 * Which of several signing keys signs, and which are published. A key is published for a while
 * before it signs and for as long as a token lives after it last did, so that whoever keeps the
 * keys for some time always knows the one that signed.
 */
export interface DatedKey {
  readonly createdAtMs: number;
}

/** By then every process of `auth` has read the new key, and publishes it. */
export const ACTIVE_AFTER_MS = 60_000;
/** A process may sign with the key before for so long: it reads the keys this often. */
export const RELOAD_MS = 15_000;
/** How far the clocks of two machines may be apart. */
const SKEW_MS = 30_000;

/** The newest that everybody knows; the only one of a young installation. */
export function signerOf<K extends DatedKey>(keys: readonly K[], nowMs: number): K {
  const sorted = byAge(keys);
  const known = sorted.filter(({ createdAtMs }) => createdAtMs + ACTIVE_AFTER_MS <= nowMs);
  return (known.at(-1) ?? sorted[0])!;
}

/** Without those of which every token has expired. */
export function keysInUse<K extends DatedKey>(
  keys: readonly K[],
  { nowMs, tokenTtlMs }: { readonly nowMs: number; readonly tokenTtlMs: number },
): K[] {
  const sorted = byAge(keys);
  return sorted.filter((_, at) => {
    const successor = sorted[at + 1];
    if (!successor) return true;
    const lastSignedMs = successor.createdAtMs + ACTIVE_AFTER_MS + RELOAD_MS + SKEW_MS;
    return nowMs < lastSignedMs + tokenTtlMs + SKEW_MS;
  });
}

/** Whether a next key may be made: one at a time waits to become active. */
export function mayRotate(keys: readonly DatedKey[], nowMs: number): boolean {
  return signerOf(keys, nowMs) === byAge(keys).at(-1);
}

export function isDue(
  keys: readonly DatedKey[],
  { nowMs, ageMsMax }: { readonly nowMs: number; readonly ageMsMax: number },
): boolean {
  return keys.every(({ createdAtMs }) => createdAtMs + ageMsMax <= nowMs);
}

function byAge<K extends DatedKey>(keys: readonly K[]): K[] {
  return keys.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
}
