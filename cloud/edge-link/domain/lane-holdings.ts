import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  addRange,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
} from '@holdfast/shared/domain/ranges.ts';
import {
  type KnownBlock,
  type LaneHoldings,
  NO_HOLDINGS,
  overlaps,
  withAppended,
} from './block-judgement.ts';

export interface LaneOfIncarnation {
  readonly incarnation: string;
  readonly lane: Lane;
}

export interface GreetedLane extends LaneOfIncarnation, LaneHoldings {
  /**
   * False for an incarnation of which two copies spoke: the gateway is not told what the cloud
   * holds of it, so that it sends its blocks again and each is compared, instead of being freed for
   * the other copy's sake.
   */
  readonly told: boolean;
}

/**
 * The positions' consumer stores a block's checksum soon after; until then the stream itself
 * remembers it.
 */
const REMEMBERED_BLOCKS_MAX = 64;

/**
 * What one stream knows of its gateway's lanes: the Welcome's positions and what the stream took
 * since.
 */
export interface HoldingsTable {
  of(key: LaneOfIncarnation): LaneHoldings;
  /** What the gateway is told: it frees what this covers. */
  told(key: LaneOfIncarnation): PositionSet;
  append(key: LaneOfIncarnation, block: KnownBlock): void;
  /** A repeat: held before, and now known to be the gateway's own. */
  confirm(key: LaneOfIncarnation, range: SequenceRange): void;
  /** The last blocks of this stream that overlap `range`. */
  remembered(key: LaneOfIncarnation, range: SequenceRange): readonly KnownBlock[];
}

export function createHoldings(lanes: readonly GreetedLane[]): HoldingsTable {
  const held = new Map<string, LaneHoldings>(lanes.map((lane) => [nameOf(lane), lane]));
  const told = new Map(
    lanes.map((lane) => [nameOf(lane), lane.told ? lane.durable : EMPTY_POSITION]),
  );
  const recent: { readonly name: string; readonly block: KnownBlock }[] = [];
  const of = (key: LaneOfIncarnation): LaneHoldings => held.get(nameOf(key)) ?? NO_HOLDINGS;
  const toldOf = (key: LaneOfIncarnation): PositionSet => told.get(nameOf(key)) ?? EMPTY_POSITION;
  const confirm = (key: LaneOfIncarnation, range: SequenceRange): void => {
    told.set(nameOf(key), addRange(toldOf(key), range));
  };
  return {
    of,
    told: toldOf,
    confirm,
    append(key, block) {
      held.set(nameOf(key), withAppended(of(key), block.range));
      confirm(key, block.range);
      recent.push({ name: nameOf(key), block });
      if (recent.length > REMEMBERED_BLOCKS_MAX) recent.shift();
    },
    remembered: (key, range) =>
      recent
        .filter(({ name, block }) => name === nameOf(key) && overlaps(block.range, range))
        .map(({ block }) => block),
  };
}

function nameOf({ incarnation, lane }: LaneOfIncarnation): string {
  return `${incarnation}/${lane}`;
}
