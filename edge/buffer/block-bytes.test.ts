import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blockOfBytes, bytesOfBlock } from './block-bytes.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((part) => Buffer.from(part));
const blocks = fc.record({
  incarnation: fc.string(),
  lane: fc.constantFrom(1, 2, 3),
  firstSequence: fc.bigInt({ min: 0n, max: 2n ** 48n }),
  count: fc.nat(4096),
  form: fc.constantFrom(1, 2),
  codec: fc.constantFrom(1, 2),
  body: bytes,
  checksum: bytes,
  traceparent: fc.string(),
});

it('any reader of the format reads the block back, and so do we, without its bytes', () => {
  fc.assert(
    fc.property(blocks, (block) => {
      const written = bytesOfBlock(block);
      expect(Block.decode(written)).toEqual(block);
      expect(blockOfBytes(written)).toEqual(block);
      expect(written.byteLength).toBe(0);
    }),
  );
});
