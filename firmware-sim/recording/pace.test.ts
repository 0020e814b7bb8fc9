import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BORDER_GAP_MS, BORDER_WAIT_MS, createPace, type Speed } from './pace.ts';

describe('the pace of a replay', () => {
  it('is that of the recording, divided by the speed', () => {
    expect(dues([0, 100, 5_000], 1)).toEqual([0, 100, 5_000]);
    expect(dues([0, 100, 5_000], 10)).toEqual([0, 10, 500]);
  });

  it('waits a moment at a border between recordings, whether time jumps on or back', () => {
    const year = 365 * 86_400_000;
    const [on, back] = [dues([0, year, year + 10], 1), dues([year, 0, 10], 1)];
    expect(on).toEqual([0, BORDER_WAIT_MS, BORDER_WAIT_MS + 10]);
    expect(back).toEqual([0, BORDER_WAIT_MS, BORDER_WAIT_MS + 10]);
  });

  it('does not wait twice for rows that stand a little out of order', () => {
    expect(dues([0, 1_000, 765, 1_100], 1)).toEqual([0, 1_000, 1_000, 1_100]);
  });

  it('does not wait at all when it runs as fast as acknowledged', () => {
    expect(dues([0, 100, 5_000], 'max')).toEqual([0, 0, 0]);
  });

  it('takes another pass as another recording', () => {
    const pace = createPace(1);
    pace.dueMs(0);
    pace.dueMs(60_000);
    pace.border();
    expect(pace.dueMs(0)).toBe(60_000 + BORDER_WAIT_MS);
    expect(pace.dueMs(500)).toBe(60_500 + BORDER_WAIT_MS);
  });

  it('never goes back, and never waits longer than a border apart', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 40 })), (times) => {
        const all = dues(times, 1);
        return all.every((due, n) => {
          const waited = due - (all[n - 1] ?? 0);
          return waited >= 0 && waited <= BORDER_GAP_MS;
        });
      }),
    );
  });
});

function dues(times: readonly number[], speed: Speed): number[] {
  const pace = createPace(speed);
  return times.map((time) => pace.dueMs(time));
}
