import type { ReadingItem } from './api.ts';
import { RESOLUTION_MS, type Resolution } from './chart-range.ts';

export interface Point {
  readonly atMs: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Columns as the chart takes them; a null breaks the line. */
export interface ChartColumns {
  readonly timesMs: readonly number[];
  readonly values: readonly (number | null)[];
  readonly lows: readonly (number | null)[];
  readonly highs: readonly (number | null)[];
}

export interface PointSummary {
  readonly low: number;
  readonly mean: number;
  readonly high: number;
}

/**
 * A raw stream is broken after this many usual intervals without a reading, but never within
 * GAP_MS_MIN.
 */
const GAP_INTERVALS = 5;
const GAP_MS_MIN = 10_000;

/** Readings that are text have no place on a chart. */
export function toPoints(items: readonly ReadingItem[]): Point[] {
  const points: Point[] = [];
  for (const item of items) {
    const value = item.value ?? item.mean;
    if (value === undefined) continue;
    const atMs = Date.parse(item.time);
    points.push({ atMs, value, low: item.min ?? value, high: item.max ?? value });
  }
  return points;
}

/** Replaces everything from `fromMs` on by what was just read from there. */
export function replaceTail(
  points: readonly Point[],
  fromMs: number,
  tail: readonly Point[],
): readonly Point[] {
  return [...points.filter((point) => point.atMs < fromMs), ...tail];
}

/**
 * With a break where readings are missing: a gap must look like a gap, not like a straight line.
 */
export function toColumns(points: readonly Point[], resolution: Resolution): ChartColumns {
  const gapMs = gapOf(points, resolution);
  const timesMs: number[] = [];
  const values: (number | null)[] = [];
  const lows: (number | null)[] = [];
  const highs: (number | null)[] = [];
  const push = (atMs: number, point: Point | undefined): void => {
    timesMs.push(atMs);
    values.push(point?.value ?? null);
    lows.push(point?.low ?? null);
    highs.push(point?.high ?? null);
  };
  let before: Point | undefined;
  for (const point of points) {
    if (before && point.atMs - before.atMs > gapMs) {
      push((before.atMs + point.atMs) / 2, undefined);
    }
    push(point.atMs, point);
    before = point;
  }
  return { timesMs, values, lows, highs };
}

export function summarise(points: readonly Point[]): PointSummary | undefined {
  if (points.length === 0) return undefined;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const point of points) {
    low = Math.min(low, point.low);
    high = Math.max(high, point.high);
    sum += point.value;
  }
  return { low, high, mean: sum / points.length };
}

/**
 * Only 0 and 1: a door, a switch, a presence. Drawn in steps, because there is nothing in between.
 */
export function isBinary(points: readonly Point[]): boolean {
  return points.length > 0 && points.every(({ low, high }) => isBit(low) && isBit(high));
}

function isBit(value: number): boolean {
  return value === 0 || value === 1;
}

function gapOf(points: readonly Point[], resolution: Resolution): number {
  if (resolution !== 'raw') return RESOLUTION_MS[resolution] * 1.5;
  const steps = points.slice(1).map((point, index) => point.atMs - points[index]!.atMs);
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  return Math.max(GAP_INTERVALS * usual, GAP_MS_MIN);
}
