import { type Clock, systemClock } from './clock.ts';

export interface ClockAhead extends Clock {
  setBack(): void;
}

/** The machine's clock, whose wall clock is ahead until it is set back. */
export function clockAhead(ms: number): ClockAhead {
  let aheadMs = ms;
  return {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    nowMicros: () => systemClock.nowMicros() + BigInt(aheadMs) * 1000n,
    setBack() {
      aheadMs = 0;
    },
  };
}
