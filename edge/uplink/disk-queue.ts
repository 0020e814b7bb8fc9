import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Buffer } from '../buffer/buffer.ts';
import type { LaneOf } from './session-table.ts';

/**
 * What one stream asks of the gateway's disk, strictly in order; acknowledgements that wait are
 * merged.
 */
export interface DiskQueue {
  run(work: () => Promise<void>): void;
  acknowledge(lane: LaneOf, durable: PositionSet): void;
  park(lane: LaneOf, range: SequenceRange, reason: string): void;
  /**
   * Resolves when all that was asked is done. The next Hello waits for it: it states what is on
   * disk.
   */
  drained(): Promise<void>;
}

/** `onError` is told of the first failure; what was asked after it is not done. */
export function createDiskQueue(
  buffer: Pick<Buffer, 'acknowledge' | 'park'>,
  onError: (error: unknown) => void,
): DiskQueue {
  let tail = Promise.resolve();
  let failed = false;
  let waiting: Map<string, { lane: LaneOf; durable: PositionSet }> | undefined;

  const run = (work: () => Promise<void>): void => {
    tail = tail.then(async () => {
      if (failed) return;
      try {
        await work();
      } catch (error) {
        failed = true;
        onError(error);
      }
    });
  };
  return {
    run,
    acknowledge(lane, durable) {
      if (!waiting) {
        const merged = new Map<string, { lane: LaneOf; durable: PositionSet }>();
        waiting = merged;
        run(async () => {
          if (waiting === merged) waiting = undefined;
          for (const one of merged.values()) {
            await buffer.acknowledge(one.lane.incarnation, one.lane.lane, one.durable);
          }
        });
      }
      // A later position of a lane holds all that an earlier one holds.
      waiting.set(`${lane.incarnation}/${lane.lane}`, { lane, durable });
    },
    park({ incarnation, lane }, range, reason) {
      // Acknowledgements that come later may cover this range: they must not be merged into those
      // before it.
      waiting = undefined;
      run(() => buffer.park(incarnation, lane, range, reason));
    },
    drained: () => tail,
  };
}
