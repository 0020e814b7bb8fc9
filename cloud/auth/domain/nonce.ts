import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A nonce for renewal that the cloud can check without having kept it: whoever asks unauthenticated
 * leaves nothing behind. It is the time and random bytes with a MAC over both and the gateway. That
 * it is used once is the store's.
 */
export const NONCE_TTL_MS = 300_000;
export const NONCE_RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const MAC_BYTES = 32;

export interface NonceContext {
  readonly key: Uint8Array;
  readonly gatewayId: string;
  readonly nowMs: number;
}

export function makeNonce({ key, gatewayId, nowMs }: NonceContext, random: Uint8Array): string {
  const head = Buffer.alloc(TIME_BYTES + NONCE_RANDOM_BYTES);
  head.writeUIntBE(Math.floor(nowMs), 0, TIME_BYTES);
  head.set(random.subarray(0, NONCE_RANDOM_BYTES), TIME_BYTES);
  return Buffer.concat([head, macOf(key, gatewayId, head)]).toString('base64url');
}

/** `unknown` also covers another gateway's nonce. */
export function checkNonce(
  nonce: string,
  { key, gatewayId, nowMs }: NonceContext,
): 'valid' | 'expired' | 'unknown' {
  const bytes = Buffer.from(nonce, 'base64url');
  if (bytes.length !== TIME_BYTES + NONCE_RANDOM_BYTES + MAC_BYTES) return 'unknown';
  // The decoder forgives stray characters: only the one spelling is the nonce, or it could be used
  // twice.
  if (bytes.toString('base64url') !== nonce) return 'unknown';
  const head = bytes.subarray(0, -MAC_BYTES);
  if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), macOf(key, gatewayId, head))) return 'unknown';
  const ageMs = nowMs - bytes.readUIntBE(0, TIME_BYTES);
  // Two processes' clocks may differ either way.
  return Math.abs(ageMs) <= NONCE_TTL_MS ? 'valid' : 'expired';
}

function macOf(key: Uint8Array, gatewayId: string, head: Uint8Array): Buffer {
  return createHmac('sha256', key).update(head).update(gatewayId).digest();
}
