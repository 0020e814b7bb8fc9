import { randomBytes } from 'node:crypto';

const VARIANTS = 64;
const OVERHEAD = '{"value":00.00,"note":""}'.length;
export const PAYLOAD_BYTES_MIN = OVERHEAD + 1;

/**
 * JSON readings of exactly `bytes` each. Most of each is random text, so that nobody's compression
 * makes the disk's part of the work disappear.
 */
export function makePayloads(bytes: number): Buffer[] {
  return Array.from({ length: VARIANTS }, (_, index) => {
    const value = (10 + index + index / 100).toFixed(2);
    const note = randomBytes(bytes)
      .toString('base64url')
      .slice(0, bytes - OVERHEAD);
    return Buffer.from(`{"value":${value},"note":"${note}"}`);
  });
}
