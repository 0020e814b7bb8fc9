import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  addRange,
  coverage,
  OPEN_RANGES_MAX,
  type PositionSet,
  type SequenceRange,
  union,
} from '@holdfast/shared/domain/ranges.ts';

/** What the cloud knows of one lane of one incarnation while a stream is open. */
export interface LaneHoldings {
  /** In this region's log: what the Welcome said, and what this stream appended since. */
  readonly durable: PositionSet;
  /**
   * What the gateway will never send: settled without delivery, or freed by it. Not held, but not
   * waited for.
   */
  readonly gone: PositionSet;
}

export const NO_HOLDINGS: LaneHoldings = {
  durable: { contiguous: 0n, ranges: [] },
  gone: { contiguous: 0n, ranges: [] },
};

export type BlockJudgement =
  | 'append'
  /** All of it is held: it is a repeat if its checksum is the one that is held, else a conflict. */
  | 'compare'
  | 'partly-covered'
  | 'gap'
  | 'too-many-ranges';

/** What to do with an intact block of `range`. */
export function judgeBlock(lane: Lane, range: SequenceRange, held: LaneHoldings): BlockJudgement {
  const covered = coverage(held.durable, range);
  if (covered === 'covered') return 'compare';
  if (covered === 'partly') return 'partly-covered';
  const expected = union(held.durable, held.gone);
  if (lane === 'stock') return isNext(expected, range) ? 'append' : 'gap';
  const after = addRange(expected, range);
  // A block that closes a gap is always welcome, else a full set could never shrink.
  const opensRange = after.ranges.length > expected.ranges.length;
  return opensRange && after.ranges.length > OPEN_RANGES_MAX ? 'too-many-ranges' : 'append';
}

/** The lane after `range` was appended. */
export function withAppended(held: LaneHoldings, range: SequenceRange): LaneHoldings {
  return { durable: addRange(held.durable, range), gone: held.gone };
}

/** A block as it is remembered: enough to tell a repeat from a conflict. */
export interface KnownBlock {
  readonly range: SequenceRange;
  /** Hexadecimal. */
  readonly checksum: string;
}

/**
 * A block whose range is held. `known` are the remembered blocks that overlap it: a block is never
 * cut anew once it was sent, so each of them must be this very block. Without any, its checksum is
 * beyond what is kept, and it is a repeat.
 */
export function compareBlock(
  block: KnownBlock,
  known: readonly KnownBlock[],
): 'repeat' | 'conflict' {
  const same = known.every(
    ({ range, checksum }) =>
      range.first === block.range.first &&
      range.last === block.range.last &&
      checksum === block.checksum,
  );
  return same ? 'repeat' : 'conflict';
}

export function overlaps(a: SequenceRange, b: SequenceRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/**
 * The stock lane is never reordered. A block that starts inside what is gone, or right after it, is
 * the next one.
 */
function isNext(expected: PositionSet, range: SequenceRange): boolean {
  return range.first <= expected.contiguous + 1n;
}
