import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';

export interface PositionColumns {
  readonly contiguous: bigint;
  readonly ranges: string;
}

export function positionToColumns({ contiguous, ranges }: PositionSet): PositionColumns {
  return { contiguous, ranges: ranges.map(({ first, last }) => `${first}-${last}`).join(',') };
}

export function positionFromColumns({ contiguous, ranges }: PositionColumns): PositionSet {
  if (ranges === '') return { contiguous, ranges: [] };
  const parsed = ranges.split(',').map((range) => {
    const [first, last] = range.split('-');
    assert(first && last, 'a stored range has two ends');
    return { first: BigInt(first), last: BigInt(last) };
  });
  return { contiguous, ranges: parsed };
}

export function countsToColumn(counts: ReadonlyMap<Lane, bigint>): string {
  return [...counts].map(([lane, count]) => `${lane}=${count}`).join(',');
}

export function countsFromColumn(column: string): Map<Lane, bigint> {
  const counts = new Map<Lane, bigint>();
  for (const entry of column === '' ? [] : column.split(',')) {
    const [name, count] = entry.split('=');
    const lane = LANES.find((known) => known === name);
    assert(lane && count, 'a stored count names its lane');
    counts.set(lane, BigInt(count));
  }
  return counts;
}
