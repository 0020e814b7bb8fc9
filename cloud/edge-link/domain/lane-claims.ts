import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';

/** One lane as a Hello states it. */
export interface ClaimedLane {
  readonly incarnation: string;
  readonly lane: Lane;
  readonly accepted: bigint;
  readonly acknowledged: PositionSet;
  /** Settled without delivery: the gateway will not send it. */
  readonly settled: PositionSet;
}
