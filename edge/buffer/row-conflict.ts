import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { StoreReads } from './buffer-store.ts';

/** A range that reaches over other rows is not its own: they must not end with it. */
export function isAlone(
  reads: Pick<StoreReads, 'held'>,
  stream: number,
  range: SequenceRange,
): boolean {
  return range.last >= range.first && reads.held(stream, range).length === 1;
}

/** For whoever writes: rows contradict each other, none is to be believed, the file is salvaged. */
export function rowConflict({ first, last }: SequenceRange): AppError {
  return new AppError('STORE_DAMAGED', `the row of ${first}-${last} is not what was written`);
}
