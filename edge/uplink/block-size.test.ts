import { expect, it } from 'vitest';
import { BLOCK_BYTES_MAX, type BlockHead } from '../buffer/buffer.ts';
import { BlockSize } from './block-size.ts';

const SLOW = 125_000;

function cut(size: BlockSize, ratio: number): number {
  const bytes = Math.floor(size.bodyBytesMax / ratio);
  const range = { first: 1n, last: 9n };
  size.learn([{ incarnation: 'i1', lane: 'telemetry', range, bytes } satisfies BlockHead]);
  return bytes;
}

it('cuts whole blocks of what compresses well', () => {
  const size = new BlockSize();
  for (let block = 0; block < 10; block++) cut(size, 12);
  expect(size.bodyBytesMax).toBe(BLOCK_BYTES_MAX);
});

it('cuts what does not compress so that it takes a slow line a quarter of a second', () => {
  const size = new BlockSize();
  size.lineDelivers(SLOW);
  cut(size, 1);
  expect(cut(size, 1)).toBeLessThanOrEqual(SLOW / 4);
  expect(cut(size, 1)).toBeGreaterThan(SLOW / 8);
});

it('cuts larger ones again when the line has become faster', () => {
  const size = new BlockSize();
  size.lineDelivers(SLOW);
  for (let block = 0; block < 5; block++) cut(size, 1);
  size.lineDelivers(100 * SLOW);
  for (let block = 0; block < 10; block++) cut(size, 1);
  expect(size.bodyBytesMax).toBe(BLOCK_BYTES_MAX);
});
