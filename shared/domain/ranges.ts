import type { PositionSet as WirePositionSet } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { assert } from '../lib/assert.ts';

/** Sequences first..last, both included, counted from 1. */
export interface SequenceRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** 1..contiguous, and ranges above it: ascending, disjoint, not adjacent (architecture §4). */
export interface PositionSet {
  readonly contiguous: bigint;
  readonly ranges: readonly SequenceRange[];
}

export const OPEN_RANGES_MAX = 64;
export const EMPTY_POSITION: PositionSet = { contiguous: 0n, ranges: [] };

export type Coverage = 'covered' | 'disjoint' | 'partly';

export function rangeOf(first: bigint, count: number): SequenceRange {
  assert(first >= 1n && count >= 1, 'a range has a first sequence and at least one record');
  return { first, last: first + BigInt(count) - 1n };
}

/** How much of `range` the set holds. */
export function coverage(set: PositionSet, range: SequenceRange): Coverage {
  if (range.last <= set.contiguous) return 'covered';
  if (range.first <= set.contiguous) return 'partly';
  for (const held of set.ranges) {
    if (held.last < range.first || held.first > range.last) continue;
    return held.first <= range.first && held.last >= range.last ? 'covered' : 'partly';
  }
  return 'disjoint';
}

/** The set with `range` added; overlaps and neighbours are merged. */
export function addRange(set: PositionSet, range: SequenceRange): PositionSet {
  return union(set, { contiguous: 0n, ranges: [range] });
}

export function union(a: PositionSet, b: PositionSet): PositionSet {
  let contiguous = a.contiguous > b.contiguous ? a.contiguous : b.contiguous;
  const sorted = [...a.ranges, ...b.ranges].sort((x, y) => (x.first < y.first ? -1 : 1));
  const ranges: SequenceRange[] = [];
  for (const range of sorted) {
    if (range.first <= contiguous + 1n) {
      if (range.last > contiguous) contiguous = range.last;
      continue;
    }
    const previous = ranges.at(-1);
    if (previous && range.first <= previous.last + 1n) {
      if (range.last > previous.last)
        ranges[ranges.length - 1] = { first: previous.first, last: range.last };
    } else ranges.push(range);
  }
  return { contiguous, ranges };
}

/** How many sequences the set holds. */
export function sizeOf(set: PositionSet): bigint {
  return set.ranges.reduce((sum, range) => sum + range.last - range.first + 1n, set.contiguous);
}

/** The highest sequence that the set holds, 0 when it is empty. */
export function highest(set: PositionSet): bigint {
  return set.ranges.at(-1)?.last ?? set.contiguous;
}

/** The stretches of 1..upTo that the set does not hold, ascending. */
export function missing(set: PositionSet, upTo: bigint): SequenceRange[] {
  const gaps: SequenceRange[] = [];
  let next = set.contiguous + 1n;
  for (const range of set.ranges) {
    if (range.first > upTo) break;
    if (range.first > next) gaps.push({ first: next, last: range.first - 1n });
    next = range.last + 1n;
  }
  if (next <= upTo) gaps.push({ first: next, last: upTo });
  return gaps;
}

/** The parts of `range` that the set does not hold, ascending. */
export function uncovered(set: PositionSet, range: SequenceRange): SequenceRange[] {
  return missing(set, range.last).flatMap((gap) => {
    if (gap.last < range.first) return [];
    return [{ first: gap.first > range.first ? gap.first : range.first, last: gap.last }];
  });
}

/** True when `set` holds everything that `part` holds. */
export function includes(set: PositionSet, part: PositionSet): boolean {
  if (part.contiguous > set.contiguous) return false;
  return part.ranges.every((range) => coverage(set, range) === 'covered');
}

/** A set as it travels. */
export function positionToWire(set: PositionSet): WirePositionSet {
  return { contiguous: set.contiguous, ranges: set.ranges.map((range) => ({ ...range })) };
}

/**
 * A set that came over the wire, in this module's normal form; absent means empty. Undefined when
 * it is none: a range that ends before it starts, or that starts at 0.
 */
export function positionFromWire(wire: WirePositionSet | undefined): PositionSet | undefined {
  if (!wire) return EMPTY_POSITION;
  if (wire.ranges.some((range) => range.first < 1n || range.last < range.first)) return undefined;
  return union(wire, EMPTY_POSITION);
}
