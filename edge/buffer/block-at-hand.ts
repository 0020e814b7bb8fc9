import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { BlockHead } from './buffer.ts';

/** Another block may begin at the same sequence: one that stands for this, condensed. */
export function isAsCut(block: Block | 'damaged', { range, bytes }: BlockHead): boolean {
  if (block === 'damaged') return true;
  const last = block.firstSequence + BigInt(block.count) - 1n;
  return last === range.last && block.body.byteLength === bytes;
}

export function unknownBlock(head: BlockHead): AppError {
  return new AppError('NOT_FOUND', `${describe(head)} is not held; it was freed or never cut`);
}

export function describe({ lane, range }: BlockHead): string {
  return `block ${lane} ${describeRange(range)}`;
}

export function describeRange(range: SequenceRange): string {
  return `${range.first}-${range.last}`;
}
