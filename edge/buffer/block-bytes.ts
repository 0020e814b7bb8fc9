import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { releaseBytes } from '@holdfast/shared/lib/release-bytes.ts';

const NO_BODY = Buffer.alloc(0);
/** Field 7, length-delimited. */
const BODY_TAG = (7 << 3) | 2;

/**
 * The block as it lies in the file, alone in its memory. As `Block.encode` gives it, but for the
 * order of the fields: that one takes three times the memory.
 */
export function bytesOfBlock(block: Block): Buffer {
  const { body } = block;
  const fields = Block.encode({ ...block, body: NO_BODY });
  const head = fields.uint32(BODY_TAG).uint32(body.byteLength).finish();
  const bytes = Buffer.allocUnsafeSlow(head.byteLength + body.byteLength);
  bytes.set(head);
  bytes.set(body, head.byteLength);
  return bytes;
}

/** The block, with a copy of its body; the bytes themselves are given back. */
export function blockOfBytes(bytes: Uint8Array): Block {
  const block = Block.decode(bytes);
  releaseBytes(bytes);
  return block;
}
