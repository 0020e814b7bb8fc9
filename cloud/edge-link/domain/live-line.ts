import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { ClaimedLane } from './lane-claims.ts';
import type { LaneOfIncarnation } from './lane-holdings.ts';

/** Tells a block that was accepted after the Hello from what was left from earlier. */
export type IsLive = (key: LaneOfIncarnation, range: SequenceRange) => boolean;

/** `claimed` are the Hello's lanes; one that it does not name had accepted nothing. */
export function liveLine(claimed: readonly ClaimedLane[]): IsLive {
  const accepted = new Map(claimed.map((lane) => [nameOf(lane), lane.accepted]));
  // `stock` is never reordered, not even among those who read the log.
  return (key, { first }) => key.lane !== 'stock' && first > (accepted.get(nameOf(key)) ?? 0n);
}

function nameOf({ incarnation, lane }: LaneOfIncarnation): string {
  return `${incarnation}/${lane}`;
}
