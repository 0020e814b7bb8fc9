import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
} from './ranges.ts';

/** A block as far as its place is concerned. */
export interface PlacedBlock {
  /** Of its stream: gateway, incarnation and lane. */
  readonly stream: string;
  readonly range: SequenceRange;
}

export interface BlockPlan<B> {
  readonly applied: readonly B[];
  /** Every sequence of them is held already. */
  readonly repeated: readonly B[];
  /** Some sequences are held, others not: applying them would store a reading twice. */
  readonly overlapping: readonly B[];
  /** The positions after `applied`, of the streams that moved. */
  readonly moved: ReadonlyMap<string, PositionSet>;
}

/** Which blocks take effect, judged one after the other in log order against what is held. */
export function planBlocks<B extends PlacedBlock>(
  blocks: readonly B[],
  held: ReadonlyMap<string, PositionSet>,
): BlockPlan<B> {
  const applied: B[] = [];
  const repeated: B[] = [];
  const overlapping: B[] = [];
  const moved = new Map<string, PositionSet>();
  for (const block of blocks) {
    const position = moved.get(block.stream) ?? held.get(block.stream) ?? EMPTY_POSITION;
    const covered = coverage(position, block.range);
    if (covered === 'covered') repeated.push(block);
    else if (covered === 'partly') overlapping.push(block);
    else {
      applied.push(block);
      moved.set(block.stream, addRange(position, block.range));
    }
  }
  return { applied, repeated, overlapping, moved };
}
