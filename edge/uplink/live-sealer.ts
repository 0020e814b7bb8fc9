import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Buffer } from '../buffer/buffer.ts';

export interface LiveSealerOptions {
  readonly buffer: Pick<Buffer, 'seal' | 'onCommitted'>;
  readonly clock: Clock;
  readonly liveSealMs: number;
  /** A lane with sealed blocks still to send is left alone: what waits longer shares a block. */
  readonly isWaiting: (lane: Lane) => boolean;
  readonly onSealed: () => void;
  readonly onError: (error: unknown) => void;
}

export interface LiveSealer {
  stop(): Promise<void>;
}

/**
 * Seals what was committed a short while after it was, so that live readings leave soon and still
 * share blocks.
 */
export function startLiveSealer(options: LiveSealerOptions): LiveSealer {
  const { buffer, clock, liveSealMs } = options;
  // What was committed before this was started is unsealed as well.
  const grown = new Set<Lane>(LANES);
  let timer: Timer | undefined;
  let sealing: Promise<void> | undefined;
  let stopped = false;

  const sealGrown = async (): Promise<void> => {
    try {
      for (const lane of LANES) {
        if (!grown.has(lane) || options.isWaiting(lane)) continue;
        grown.delete(lane);
        const heads = await buffer.seal(lane);
        if (heads.length > 0 && !stopped) options.onSealed();
      }
    } catch (error) {
      options.onError(error);
    }
    timer = undefined;
    if (grown.size > 0) arm();
  };
  const arm = (): void => {
    if (timer || stopped) return;
    timer = clock.after(liveSealMs, () => {
      sealing = sealGrown();
    });
  };
  const unsubscribe = buffer.onCommitted((lanes) => {
    for (const lane of lanes) grown.add(lane);
    arm();
  });
  arm();
  return {
    async stop() {
      stopped = true;
      unsubscribe();
      timer?.cancel();
      await sealing;
    },
  };
}
