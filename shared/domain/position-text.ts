import type { PositionSet } from './ranges.ts';

/** Ranges as they stand in a column: JSON, as texts because JSON's numbers end at 2^53. */
export function rangesToText(position: PositionSet): string {
  return JSON.stringify(position.ranges.map(({ first, last }) => [`${first}`, `${last}`]));
}

export function positionOf(row: {
  readonly contiguous: bigint;
  readonly ranges: string;
}): PositionSet {
  const ranges = JSON.parse(row.ranges) as [string, string][];
  return {
    contiguous: row.contiguous,
    ranges: ranges.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last) })),
  };
}
