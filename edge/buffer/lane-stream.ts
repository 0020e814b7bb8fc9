import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  EMPTY_POSITION,
  missing,
  type PositionSet,
  type SequenceRange,
  sizeOf,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { LanePosition } from './buffer.ts';
import type { Settlement, SettlementKind, StreamRow, TurnWrite } from './buffer-store.ts';
import { withSettlement } from './retention/settlements.ts';

/** One lane of one incarnation in memory: what is on disk, and nothing else. */
export interface LaneStream {
  readonly id: number;
  readonly incarnation: string;
  readonly lane: Lane;
  accepted: bigint;
  unkeyed: number;
  duplicates: number;
  acknowledged: PositionSet;
  settlements: readonly Settlement[];
  /** The ranges of the settlements. */
  settled: PositionSet;
  /** What of it is condensed: it still travels, as summaries. */
  condensed: PositionSet;
  /** What of it ended for good: nothing of it will travel. */
  ended: PositionSet;
}

export function laneStream(row: StreamRow): LaneStream {
  return { ...row, ...settlementSets(row.settled) };
}

/** Moves the heads to what a turn has put on disk; returns the lanes that grew. */
export function advance(
  streams: readonly LaneStream[],
  { heads, groups }: Pick<TurnWrite, 'heads' | 'groups'>,
): ReadonlySet<Lane> {
  for (const { stream: id, accepted, unkeyed, duplicates } of heads) {
    const stream = streams.find((candidate) => candidate.id === id)!;
    Object.assign(stream, { accepted, unkeyed, duplicates });
  }
  const grown = streams.filter(({ id }) => groups.some((group) => group.stream === id));
  return new Set(grown.map(({ lane }) => lane));
}

/** Adds what the store has settled. */
export function settle(stream: LaneStream, settlements: readonly Settlement[]): void {
  const all = settlements.reduce(withSettlement, stream.settlements);
  Object.assign(stream, settlementSets(all));
}

function settlementSets(settlements: readonly Settlement[]) {
  const isCondensed = ({ kind }: Settlement): boolean => kind === 'condensed';
  return {
    settlements,
    settled: rangesOf(settlements),
    condensed: rangesOf(settlements.filter(isCondensed)),
    ended: rangesOf(settlements.filter((one) => !isCondensed(one))),
  };
}

function rangesOf(settlements: readonly Settlement[]): PositionSet {
  const ranges = settlements.map((settlement) => settlement.range);
  return union(EMPTY_POSITION, { contiguous: 0n, ranges });
}

export function positionOf(stream: LaneStream): LanePosition {
  const { incarnation, lane, accepted, acknowledged, ended } = stream;
  return { incarnation, lane, accepted, acknowledged, settled: ended };
}

/**
 * The stretches of `range` that are neither acknowledged nor ended; what is condensed may still end
 * otherwise.
 */
export function openWithin(stream: LaneStream, range: SequenceRange): SequenceRange[] {
  const gaps = missing(union(stream.acknowledged, stream.ended), range.last);
  return gaps
    .filter((gap) => gap.last >= range.first)
    .map((gap) => (gap.first < range.first ? { first: range.first, last: gap.last } : gap));
}

/** The stretches whose rows can go: those that the position did not hold in this form before. */
export function newlyCovered(before: PositionSet, after: PositionSet): SequenceRange[] {
  const covered: SequenceRange[] = after.ranges.filter(
    (range) =>
      !before.ranges.some((held) => held.first === range.first && held.last === range.last),
  );
  if (after.contiguous > before.contiguous) covered.push({ first: 1n, last: after.contiguous });
  return covered;
}

/**
 * One ledger per lane over all incarnations, from sequences and ranges alone (I3). A range that was
 * settled and is acknowledged later, as a conflict is, counts as settled: its data was not
 * delivered.
 */
export function ledgerOf(
  streams: readonly LaneStream[],
  incarnation: string,
  line: ReadonlyMap<Lane, bigint>,
): LaneLedger[] {
  return LANES.map((lane) => {
    const own = streams.filter((stream) => stream.lane === lane);
    const total = (count: (stream: LaneStream) => bigint | number): number =>
      own.reduce((sum, stream) => sum + Number(count(stream)), 0);
    const ended = (kind: SettlementKind): number => total((stream) => settledCount(stream, kind));
    const drawn = (stream: LaneStream): bigint =>
      // Nothing of an earlier incarnation is live.
      stream.incarnation === incarnation ? (line.get(lane) ?? 0n) : stream.accepted;
    return {
      lane,
      accepted: total((stream) => stream.accepted),
      delivered: total((stream) => sizeOf(both(stream)) - sizeOf(stream.settled)),
      parked: ended('parked'),
      condensed: ended('condensed'),
      dropped: ended('dropped'),
      damaged: ended('damaged'),
      pending: total((stream) => pendingCount(stream, stream.accepted)),
      backlog: total((stream) => pendingCount(stream, drawn(stream))),
      unkeyed: total((stream) => stream.unkeyed),
      duplicates: total((stream) => stream.duplicates),
    };
  });
}

/** What the lane's streams hold that is neither acknowledged nor settled. */
export function pendingOf(streams: readonly LaneStream[], lane: Lane): number {
  return streams
    .filter((stream) => stream.lane === lane)
    .reduce((sum, stream) => sum + Number(pendingCount(stream, stream.accepted)), 0);
}

function both(stream: LaneStream): PositionSet {
  return union(stream.acknowledged, stream.settled);
}

function pendingCount(stream: LaneStream, upTo: bigint): bigint {
  const bound = upTo < stream.accepted ? upTo : stream.accepted;
  return missing(both(stream), bound).reduce((sum, gap) => sum + gap.last - gap.first + 1n, 0n);
}

function settledCount(stream: LaneStream, kind: SettlementKind): bigint {
  return stream.settlements
    .filter((settlement) => settlement.kind === kind)
    .reduce((sum, { range }) => sum + range.last - range.first + 1n, 0n);
}
