import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';

/** A position as the buffer's file keeps it. */
export function positionToText(position: PositionSet): string {
  return JSON.stringify(position, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}

export function positionFromText(text: string): PositionSet {
  try {
    const { contiguous, ranges } = JSON.parse(text) as {
      contiguous: string;
      ranges: { first: string; last: string }[];
    };
    return {
      contiguous: BigInt(contiguous),
      ranges: ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
    };
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', 'a position of the buffer is unreadable', { cause });
  }
}
