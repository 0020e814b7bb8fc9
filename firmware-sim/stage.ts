import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';

/** What a run needs of the world. */
export interface Stage {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the run: what is on its way is still waited for. */
  readonly signal?: AbortSignal;
}

/** How long the end of a run waits for acknowledgements. */
export const DRAIN_MS_MAX = 10_000;
/** Timers are not finer; what is due within it goes out at once. */
const TIMER_GRAIN_MS = 1;

/**
 * Waits until the monotonic clock shows `atMs`; returns at once when it is past, and early when the
 * signal comes.
 */
export async function waitUntil(
  atMs: number,
  { clock, signal }: Pick<Stage, 'clock' | 'signal'>,
): Promise<void> {
  const aheadMs = atMs - clock.monotonicMs();
  if (aheadMs <= TIMER_GRAIN_MS || signal?.aborted) return;
  try {
    await clock.sleep(aheadMs, signal);
  } catch (cause) {
    if (!signal?.aborted) throw cause;
  }
}
