import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';

/** At most one report in this time, however much changes. */
export const REPORT_INTERVAL_MS = 1_000;

export interface Reporter {
  /** The first report goes out at once. */
  start(): void;
  /** Something that a report shows has changed. */
  changed(): void;
  stop(): void;
}

/**
 * Decides when to report: soon after a change, at most once a second, and from time to time in any
 * case.
 */
export function createReporter(
  clock: Clock,
  { everyMs, send }: { everyMs: number; send: () => void },
): Reporter {
  let sentAtMs = 0;
  let isChanged = false;
  let timer: Timer | undefined;
  const report = (): void => {
    isChanged = false;
    sentAtMs = clock.monotonicMs();
    send();
    timer = clock.after(REPORT_INTERVAL_MS, tick);
  };
  const tick = (): void => {
    const isDue = clock.monotonicMs() - sentAtMs >= everyMs;
    if (isChanged || isDue) report();
    else timer = clock.after(REPORT_INTERVAL_MS, tick);
  };
  return {
    start: report,
    changed: () => {
      isChanged = true;
    },
    stop: () => timer?.cancel(),
  };
}
