import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { BlockHead } from './buffer.ts';
import type { StoreReads } from './buffer-store.ts';
import { isIntact } from './sealing.ts';

/** Where a head is looked for: rows whose range was damaged may lie before it. */
const ROWS_BESIDE_MAX = 32;

/** The rows of the file do not agree with each other: what they hold has to be salvaged. */
export class Contradiction extends AppError {
  constructor(head: BlockHead) {
    super('UNAVAILABLE', `the row of ${describe(head)} is not what was written`);
  }
}

/**
 * The block of a head; `damaged` when it is not what was written and nothing else ends with it.
 * Undefined when the rows say something else by now: it was cut anew, condensed or freed. Throws
 * Contradiction when they still say it, and the block does not.
 */
export function blockAtHand(
  reads: StoreReads,
  stream: number,
  head: BlockHead,
): Block | 'damaged' | undefined {
  const block = readOrDamaged(reads, stream, head.range.first);
  if (block && block !== 'damaged' && isAsCut(block, head) && isIntact(block)) return block;
  if (!isCut(reads, stream, head)) return undefined;
  const isOwn = block === 'damaged' || (block && isAsCut(block, head));
  if (!isOwn || !isAlone(reads, stream, head)) throw new Contradiction(head);
  return 'damaged';
}

function readOrDamaged(
  reads: StoreReads,
  stream: number,
  first: bigint,
): Block | 'damaged' | undefined {
  try {
    return reads.block(stream, first);
  } catch (cause) {
    if (cause instanceof AppError && cause.code === 'STORE_DAMAGED') return 'damaged';
    throw cause;
  }
}

function isAsCut(block: Block, head: BlockHead): boolean {
  const { incarnation, firstSequence: first, count, body } = block;
  const { range, bytes } = head;
  const isPlace = incarnation === head.incarnation && laneFromWire(block.lane) === head.lane;
  const isRange = first === range.first && first + BigInt(count) - 1n === range.last;
  return isPlace && isRange && body.byteLength === bytes;
}

/** Still what the rows say. */
function isCut(reads: StoreReads, stream: number, { range, bytes }: BlockHead): boolean {
  const { first, last } = range;
  return reads
    .sealed(stream, first, ROWS_BESIDE_MAX)
    .some((row) => row.range.first === first && row.range.last === last && row.bytes === bytes);
}

/** A range that reaches over other rows is not its own: they must not end with it. */
function isAlone(reads: StoreReads, stream: number, { range }: BlockHead): boolean {
  return range.last >= range.first && reads.held(stream, range).length === 1;
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
