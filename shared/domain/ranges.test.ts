import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addRange,
  coverage,
  EMPTY_POSITION,
  highest,
  includes,
  missing,
  type PositionSet,
  positionFromWire,
  positionToWire,
  type SequenceRange,
  sizeOf,
  uncovered,
  union,
} from './ranges.ts';

/** The same algebra over plain sets of sequences: slow and obvious. */
const SEQUENCES = 40n;

const range = fc
  .tuple(fc.bigInt(1n, SEQUENCES), fc.bigInt(0n, 6n))
  .map(([first, more]): SequenceRange => ({ first, last: first + more }));
const position = fc
  .array(range, { maxLength: 8 })
  .map((ranges) => ranges.reduce(addRange, EMPTY_POSITION));

/** All sequences of the set, ascending. */
function members(set: PositionSet): bigint[] {
  const low = set.contiguous === 0n ? [] : membersOf({ first: 1n, last: set.contiguous });
  return [...low, ...set.ranges.flatMap(membersOf)];
}

function membersOf({ first, last }: SequenceRange): bigint[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, index) => first + BigInt(index));
}

function without(all: readonly bigint[], some: readonly bigint[]): bigint[] {
  return all.filter((sequence) => !some.includes(sequence));
}

describe('ranges', () => {
  it('keeps its normal form: ascending, disjoint, not adjacent, above contiguous', () => {
    fc.assert(
      fc.property(position, (set) => {
        let previous = set.contiguous;
        for (const { first, last } of set.ranges) {
          expect(first).toBeGreaterThan(previous + 1n);
          expect(last).toBeGreaterThanOrEqual(first);
          previous = last;
        }
      }),
    );
  });

  it('unites like sets do, in any order', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const either = new Set([...members(a), ...members(b)]);
        expect(new Set(members(union(a, b)))).toEqual(either);
        expect(union(a, b)).toEqual(union(b, a));
        expect(union(a, a)).toEqual(a);
      }),
    );
  });

  it('tells covered, disjoint and partly covered apart', () => {
    fc.assert(
      fc.property(position, range, (set, asked) => {
        const wanted = membersOf(asked);
        const held = wanted.length - without(wanted, members(set)).length;
        const expected = held === 0 ? 'disjoint' : held === wanted.length ? 'covered' : 'partly';
        expect(coverage(set, asked)).toBe(expected);
      }),
    );
  });

  it('names what is missing, and only that', () => {
    fc.assert(
      fc.property(position, fc.bigInt(0n, 50n), (set, upTo) => {
        const all = upTo === 0n ? [] : membersOf({ first: 1n, last: upTo });
        expect(missing(set, upTo).flatMap(membersOf)).toEqual(without(all, members(set)));
      }),
    );
  });

  it('names the uncovered parts of a range', () => {
    fc.assert(
      fc.property(position, range, (set, asked) => {
        const parts = uncovered(set, asked).flatMap(membersOf);
        expect(parts).toEqual(without(membersOf(asked), members(set)));
      }),
    );
  });

  it('counts its members and knows the highest', () => {
    fc.assert(
      fc.property(position, (set) => {
        const all = members(set);
        expect(sizeOf(set)).toBe(BigInt(all.length));
        expect(highest(set)).toBe(all.at(-1) ?? 0n);
      }),
    );
  });

  it('includes its parts and nothing else', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(includes(union(a, b), a)).toBe(true);
        expect(includes(a, b)).toBe(without(members(b), members(a)).length === 0);
      }),
    );
  });

  it('travels unchanged', () => {
    fc.assert(
      fc.property(position, (set) => {
        expect(positionFromWire(positionToWire(set))).toEqual(set);
      }),
    );
  });

  it('refuses ranges that are none, and reads an absent set as empty', () => {
    expect(positionFromWire(undefined)).toEqual(EMPTY_POSITION);
    expect(positionFromWire({ contiguous: 0n, ranges: [{ first: 5n, last: 4n }] })).toBeUndefined();
    expect(positionFromWire({ contiguous: 0n, ranges: [{ first: 0n, last: 4n }] })).toBeUndefined();
  });

  it('normalises what a peer sends in another form', () => {
    const ranges = [
      { first: 9n, last: 9n },
      { first: 4n, last: 6n },
      { first: 3n, last: 3n },
    ];
    expect(positionFromWire({ contiguous: 2n, ranges })).toEqual({
      contiguous: 6n,
      ranges: [{ first: 9n, last: 9n }],
    });
  });
});
