import type { Random } from '@holdfast/shared/runtime/random.ts';

export const RECONNECT_DELAY_MS_MIN = 100;
export const RECONNECT_DELAY_MS_MAX = 10_000;

/**
 * Exponential with full jitter, so that a thousand devices do not come back in one moment. At least
 * the minimum.
 */
export function reconnectDelayMs(attempt: number, random: Random): number {
  const ceiling = Math.min(RECONNECT_DELAY_MS_MAX, RECONNECT_DELAY_MS_MIN * 2 ** attempt);
  return RECONNECT_DELAY_MS_MIN + Math.floor(random.fraction() * ceiling);
}
