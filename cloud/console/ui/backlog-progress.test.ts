import { describe, expect, it } from 'vitest';
import {
  type BacklogTrack,
  backlogProgress,
  formatSecondsLeft,
  observeBacklog,
} from './backlog-progress.ts';

function observe(...samples: [atMs: number, left: number][]): BacklogTrack | undefined {
  return samples.reduce<BacklogTrack | undefined>(
    (track, [atMs, left]) => observeBacklog(track, { atMs, left }),
    undefined,
  );
}

describe('the progress of a backlog', () => {
  it('tells what is left of the highest count, and how long it takes at the present rate', () => {
    const track = observe([0, 20_000], [1_000, 19_000], [5_000, 15_000])!;
    expect(backlogProgress(track)).toEqual({
      left: 15_000,
      total: 20_000,
      doneShare: 0.25,
      secondsLeft: 15,
    });
  });

  it('promises no time before two samples, nor while nothing moves', () => {
    expect(backlogProgress(observe([0, 500])!).secondsLeft).toBeUndefined();
    expect(backlogProgress(observe([0, 500], [9_000, 500])!).secondsLeft).toBeUndefined();
  });

  it('goes by the last seconds, so that it follows a rate that changes', () => {
    const track = observe([0, 10_000], [1_000, 1_000], [20_000, 900], [30_000, 800])!;
    expect(backlogProgress(track).secondsLeft).toBe(80);
  });

  it('ends with the backlog, and the next one counts anew', () => {
    expect(observe([0, 500], [1_000, 0])).toBeUndefined();
    expect(backlogProgress(observe([0, 500], [1_000, 0], [2_000, 40])!).total).toBe(40);
  });

  it('measures anew when it grows: the gateway drew another line', () => {
    const track = observe([0, 500], [5_000, 100], [6_000, 900], [8_000, 500])!;
    expect(backlogProgress(track)).toMatchObject({ total: 900, left: 500, secondsLeft: 2.5 });
  });
});

it('looks no more exact than it is', () => {
  expect([0.2, 7.4, 14, 88, 240, 7_200].map(formatSecondsLeft)).toEqual([
    '~1 s',
    '~7 s',
    '~15 s',
    '~90 s',
    '~4 min',
    '~2 h',
  ]);
});
