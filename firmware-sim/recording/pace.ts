/** How much faster than it was recorded; `max` is as fast as messages are acknowledged. */
export type Speed = number | 'max';

/** A longer silence, or a step back as large, is a border between two recordings in one file. */
export const BORDER_GAP_MS = 15 * 60_000;
/** What a border is waited for, before the speed. */
export const BORDER_WAIT_MS = 1_000;

export interface Pace {
  /** When the row is due, in milliseconds since the first one. Never goes back. */
  dueMs(tsMs: number): number;
  /** The next row starts another recording, whatever its time. */
  border(): void;
}

export function createPace(speed: Speed): Pace {
  let latest: number | undefined;
  let due = 0;
  let isBorder = false;
  return {
    dueMs(tsMs) {
      if (speed === 'max') return 0;
      const gap = latest === undefined ? 0 : tsMs - latest;
      if (isBorder || Math.abs(gap) > BORDER_GAP_MS) {
        due += BORDER_WAIT_MS / speed;
        latest = tsMs;
      } else {
        // Rows of different devices may stand a little out of order; that is no time to wait for.
        due += Math.max(0, gap) / speed;
        latest = Math.max(latest ?? tsMs, tsMs);
      }
      isBorder = false;
      return due;
    },
    border() {
      isBorder = true;
    },
  };
}
