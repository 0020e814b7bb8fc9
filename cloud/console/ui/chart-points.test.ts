import { describe, expect, it } from 'vitest';
import {
  isBinary,
  type Point,
  replaceTail,
  summarise,
  toColumns,
  toPoints,
} from './chart-points.ts';

function point(atMs: number, value: number): Point {
  return { atMs, value, low: value, high: value };
}

describe('the points of a chart', () => {
  it('come from readings and from summaries; text is left out', () => {
    const time = '2026-05-01T12:00:00Z';
    const atMs = Date.parse(time);
    expect(toPoints([{ time, value: 4 }, { time }, { time, mean: 5, min: 1, max: 9 }])).toEqual([
      { atMs, value: 4, low: 4, high: 4 },
      { atMs, value: 5, low: 1, high: 9 },
    ]);
  });

  it('keep a gap a gap', () => {
    const points = [0, 1_000, 2_000, 60_000, 61_000].map((atMs) => point(atMs, 1));
    const { timesMs, values } = toColumns(points, 'raw');
    expect(timesMs).toEqual([0, 1_000, 2_000, 31_000, 60_000, 61_000]);
    expect(values).toEqual([1, 1, 1, null, 1, 1]);
  });

  it('take a slow sensor for what it is', () => {
    const hourly = [0, 1, 2, 3].map((hour) => point(hour * 3_600_000, 1));
    expect(toColumns(hourly, 'raw').values).not.toContain(null);
    expect(toColumns(hourly, '1h').values).not.toContain(null);
    expect(toColumns([hourly[0]!, hourly[2]!], '1h').values).toEqual([1, null, 1]);
  });

  it('are replaced from where they were read again', () => {
    const old = [point(1, 1), point(2, 2), point(3, 3)];
    expect(replaceTail(old, 2, [point(2, 20), point(4, 4)])).toEqual([
      point(1, 1),
      point(2, 20),
      point(4, 4),
    ]);
  });

  it('are summed up with the extremes of their summaries', () => {
    const wide = { atMs: 0, value: 5, low: -1, high: 12 };
    expect(summarise([wide, point(1, 7)])).toEqual({ low: -1, mean: 6, high: 12 });
    expect(summarise([])).toBeUndefined();
  });

  it('are steps only when they are nothing but 0 and 1', () => {
    expect(isBinary([point(0, 0), point(1, 1)])).toBe(true);
    expect(isBinary([{ atMs: 0, value: 0.4, low: 0, high: 1 }])).toBe(true);
    expect(isBinary([point(0, 0), point(1, 0.5)])).toBe(false);
    expect(isBinary([])).toBe(false);
  });
});
