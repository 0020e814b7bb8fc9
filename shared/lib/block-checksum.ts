import { createHash } from 'node:crypto';
import type { Block } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';

export const BLOCK_CHECKSUM_BYTES = 16;

/**
 * What the checksum covers: every field but the checksum itself and the traceparent, which says
 * nothing of the content.
 */
export type ChecksummedBlock = Pick<
  Block,
  'incarnation' | 'lane' | 'firstSequence' | 'count' | 'form' | 'codec' | 'body'
>;

/**
 * The checksum of a block: the first 16 bytes of SHA-256 over lane (u8), first sequence (u64, big
 * endian), count (u32, big endian), form (u8), codec (u8), incarnation (UTF-8), a zero byte, and
 * the body as it travels.
 */
export function blockChecksum(block: ChecksummedBlock): Buffer {
  const head = Buffer.alloc(15);
  head.writeUInt8(block.lane, 0);
  head.writeBigUInt64BE(block.firstSequence, 1);
  head.writeUInt32BE(block.count, 9);
  head.writeUInt8(block.form, 13);
  head.writeUInt8(block.codec, 14);
  const hash = createHash('sha256').update(head).update(block.incarnation, 'utf8').update(ZERO);
  return hash.update(block.body).digest().subarray(0, BLOCK_CHECKSUM_BYTES);
}

/** The zero byte ends the incarnation, so that no two blocks share an input. */
const ZERO = Buffer.alloc(1);
