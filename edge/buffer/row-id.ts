import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';

/** A row's id is its lane's number and its first sequence: one b-tree keeps each lane in order. */
const SEQUENCE_BITS = 48n;
export const SEQUENCE_MAX = (1n << SEQUENCE_BITS) - 1n;

export function rowId(stream: number, first: bigint): bigint {
  assert(first <= SEQUENCE_MAX, 'a sequence fits its bits of a row id');
  return (BigInt(stream) << SEQUENCE_BITS) | first;
}

export function streamOfRow(id: bigint): number {
  return Number(id >> SEQUENCE_BITS);
}

export function rangeOfRow(id: bigint, last: bigint): SequenceRange {
  return { first: id & SEQUENCE_MAX, last };
}
