import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Of a secret with at least 32 random bytes: a plain hash is enough there, as nobody can guess the
 * input.
 */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time wherever the texts differ. */
export function sameDigest(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
