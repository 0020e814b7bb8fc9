import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { OPEN_RANGES_MAX, type PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { describe, expect, it } from 'vitest';
import { type BlockJudgement, compareBlock, judgeBlock } from './block-judgement.ts';

/** `set('5', '8-9')` holds 1..5 and 8..9. */
function set(contiguous: number, ...ranges: [number, number][]): PositionSet {
  return {
    contiguous: BigInt(contiguous),
    ranges: ranges.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last) })),
  };
}

function range(first: number, last: number) {
  return { first: BigInt(first), last: BigInt(last) };
}

const FULL = set(
  0,
  ...Array.from({ length: OPEN_RANGES_MAX }, (_, i): [number, number] => [
    10 * i + 10,
    10 * i + 12,
  ]),
);

describe('judgeBlock', () => {
  const cases: [string, Lane, PositionSet, PositionSet, [number, number], BlockJudgement][] = [
    ['the next block', 'telemetry', set(5), set(0), [6, 8], 'append'],
    ['a block above a gap', 'telemetry', set(5), set(0), [9, 10], 'append'],
    ['a block that is held', 'telemetry', set(5), set(0), [4, 5], 'compare'],
    ['a block in an open range', 'event', set(5, [9, 12]), set(0), [10, 11], 'compare'],
    ['a block that overlaps the mark', 'telemetry', set(5), set(0), [5, 8], 'partly-covered'],
    ['a block around a range', 'event', set(1, [5, 6]), set(0), [4, 8], 'partly-covered'],
    ['stock in order', 'stock', set(5), set(0), [6, 8], 'append'],
    ['stock out of order', 'stock', set(5), set(0), [7, 8], 'gap'],
    ['stock after what is gone', 'stock', set(5), set(0, [6, 6]), [7, 8], 'append'],
    ['stock behind another gap', 'stock', set(5), set(0, [6, 6]), [8, 9], 'gap'],
    ['stock that is held', 'stock', set(5), set(0), [4, 5], 'compare'],
    ['one range too many', 'telemetry', FULL, set(0), [5, 6], 'too-many-ranges'],
    ['a range that grows, when full', 'telemetry', FULL, set(0), [13, 14], 'append'],
    ['the lowest gap, when full', 'telemetry', FULL, set(0), [1, 5], 'append'],
    ['what is gone opens no range', 'telemetry', FULL, set(0, [13, 19]), [1, 3], 'append'],
  ];
  it.each(cases)('%s', (_name, lane, durable, gone, [first, last], expected) => {
    expect(judgeBlock(lane, range(first, last), { durable, gone })).toBe(expected);
  });
});

describe('compareBlock', () => {
  const block = { range: range(5, 8), checksum: 'aa' };
  it('takes the very same block as a repeat', () => {
    expect(compareBlock(block, [block])).toBe('repeat');
  });
  it('takes a block whose checksum is no longer kept as a repeat', () => {
    expect(compareBlock(block, [])).toBe('repeat');
  });
  it('finds another content in the same range', () => {
    expect(compareBlock(block, [{ ...block, checksum: 'bb' }])).toBe('conflict');
  });
  it('finds a block that was cut anew', () => {
    expect(compareBlock(block, [{ range: range(5, 6), checksum: 'aa' }])).toBe('conflict');
  });
});
