import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { BLOCK_BYTES_MAX, type BlockHead, type Buffer as GatewayBuffer } from '../buffer/buffer.ts';

/** A block takes the line for about so long: what is live waits behind one that has begun. */
const BLOCK_MS = 250;
/** Encoded, while the line is not known: a second of 1 Mbit/s. */
const ENCODED_BYTES_UNKNOWN = 128 * 1024;
/** Encoded: smaller ones would hardly compress, and cost the cloud more than the line. */
const ENCODED_BYTES_MIN = 16 * 1024;
const BODY_BYTES_MIN = 16 * 1024;

/** What the sealers need of the buffer. */
export type SealedBuffer = Pick<
  GatewayBuffer,
  'incarnation' | 'positions' | 'seal' | 'onCommitted'
>;

/**
 * How large a body may be when it is cut, so that its block suits the line as it was last known. A
 * block is never cut anew, so the size is settled before it is first sent; how well the next body
 * compresses is learnt from the last ones.
 */
export class BlockSize {
  #encodedMax = ENCODED_BYTES_UNKNOWN;
  #bodyBytesMax = BLOCK_BYTES_MAX;

  get bodyBytesMax(): number {
    return this.#bodyBytesMax;
  }

  /** What the line delivers; remembered while it is down. */
  lineDelivers(bytesPerSecond: number): void {
    this.#encodedMax = Math.max(ENCODED_BYTES_MIN, (bytesPerSecond * BLOCK_MS) / 1_000);
  }

  /** These were cut with `bodyBytesMax`. */
  learn(heads: readonly BlockHead[]): void {
    const largest = heads.reduce((most, { bytes }) => Math.max(most, bytes), 0);
    if (largest === 0) return;
    if (largest > this.#encodedMax) {
      const smaller = (this.#bodyBytesMax * this.#encodedMax) / largest;
      this.#bodyBytesMax = Math.max(BODY_BYTES_MIN, Math.floor(smaller));
    } else if (largest < this.#encodedMax / 2) {
      this.#bodyBytesMax = Math.min(BLOCK_BYTES_MAX, this.#bodyBytesMax * 2);
    }
  }
}

/** The buffer, cutting blocks of that size. */
export function sealingBySize(buffer: GatewayBuffer, size: BlockSize): SealedBuffer {
  return {
    incarnation: buffer.incarnation,
    positions: () => buffer.positions(),
    onCommitted: (listener) => buffer.onCommitted(listener),
    async seal(lane: Lane) {
      const heads = await buffer.seal(lane, { bytesMax: size.bodyBytesMax });
      size.learn(heads);
      return heads;
    },
  };
}
