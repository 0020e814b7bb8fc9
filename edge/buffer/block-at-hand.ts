import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { BlockHead } from './buffer.ts';
import type { StoreReads } from './buffer-store.ts';
import { isAlone } from './row-conflict.ts';
import { isIntact } from './sealing.ts';

/** Where a head is looked for: rows whose range was damaged may lie before it. */
const ROWS_BESIDE_MAX = 32;

/** Where a block belongs. */
export type BlockPlace = Pick<BlockHead, 'incarnation' | 'lane' | 'range'>;

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
  const isHere = block && block !== 'damaged' && isAsCut(block, head);
  const isOfHead = isHere && block.body.byteLength === head.bytes;
  if (isOfHead && isIntact(block)) return block;
  if (!isCut(reads, stream, head)) return undefined;
  const isOwn = block === 'damaged' || isOfHead;
  if (!isOwn || !isAlone(reads, stream, head.range)) throw new Contradiction(head);
  return 'damaged';
}

/** `damaged` when it is unreadable. */
export function readOrDamaged(
  reads: Pick<StoreReads, 'block'>,
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

/** The block of this place. */
export function isAsCut(block: Block, head: BlockPlace): boolean {
  const { incarnation, firstSequence: first, count } = block;
  const { range } = head;
  const isPlace = incarnation === head.incarnation && laneFromWire(block.lane) === head.lane;
  return isPlace && first === range.first && first + BigInt(count) - 1n === range.last;
}

/** Still what the rows say. */
function isCut(reads: StoreReads, stream: number, { range, bytes }: BlockHead): boolean {
  const { first, last } = range;
  return reads
    .sealed(stream, first, ROWS_BESIDE_MAX)
    .some((row) => row.range.first === first && row.range.last === last && row.bytes === bytes);
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
