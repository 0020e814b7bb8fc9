import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import { BLOCK_RECORDS_MAX, type Buffer } from '../buffer/buffer.ts';

/**
 * What is unsealed for so long is sealed however little it is. Blocks would be smaller by a tenth
 * if they were cut at full size only, but then the groups are written once more before they go: by
 * the file's checkpoint, into the file itself.
 */
export const OFFLINE_SEAL_MS = 60_000;

export interface OfflineSealerOptions {
  readonly buffer: Pick<Buffer, 'incarnation' | 'positions' | 'seal' | 'onCommitted'>;
  readonly clock: Clock;
  /** While a stream is open, the stream seals. */
  readonly isStreaming: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Cuts the backlog while the line is down, a whole block at a time, so that the return of the cloud
 * does not begin with the cutting of a day's readings: live ones would wait behind it.
 */
export function startOfflineSealer(options: OfflineSealerOptions): { stop(): Promise<void> } {
  const { buffer, clock } = options;
  const sealedTo = new Map<Lane, bigint>();
  let work = Promise.resolve();
  let timer: Timer | undefined;

  const seal = (lanes: readonly Lane[]): void => {
    const accepted = acceptedOf(buffer);
    for (const lane of lanes) sealedTo.set(lane, accepted.get(lane) ?? 0n);
    work = work.then(async () => {
      try {
        for (const lane of lanes) await buffer.seal(lane);
      } catch (error) {
        options.onError(error);
      }
    });
  };
  const tick = (): void => {
    if (!options.isStreaming()) seal(LANES);
    timer = clock.after(OFFLINE_SEAL_MS, tick);
  };
  const unsubscribe = buffer.onCommitted((grown) => {
    if (options.isStreaming()) return;
    const accepted = acceptedOf(buffer);
    const full = [...grown].filter((lane) => {
      const unsealed = (accepted.get(lane) ?? 0n) - (sealedTo.get(lane) ?? 0n);
      return unsealed >= BLOCK_RECORDS_MAX;
    });
    if (full.length > 0) seal(full);
  });
  tick();
  return {
    async stop() {
      unsubscribe();
      timer?.cancel();
      await work;
    },
  };
}

function acceptedOf(buffer: Pick<Buffer, 'incarnation' | 'positions'>): Map<Lane, bigint> {
  const own = buffer.positions().filter(({ incarnation }) => incarnation === buffer.incarnation);
  return new Map(own.map(({ lane, accepted }) => [lane, accepted]));
}
