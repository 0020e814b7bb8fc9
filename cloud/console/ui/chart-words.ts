import { formatValue } from '@holdfast/shared/ui/number-format.ts';
import { formatMoment } from '@holdfast/shared/ui/time-format.ts';
import type { ChartColumns, PointSummary } from './chart-points.ts';
import type { RangeEnd } from './chart-range.ts';

/** What the chart shows, in a line: also what a screen reader hears of it. */
export function summaryWords(summary: PointSummary | undefined, unit: string): string {
  if (!summary) return '';
  const { low, high } = summary;
  // A mean has more digits than the readings that it stands for.
  const mean = Number(summary.mean.toPrecision(4));
  return `low ${amount(low, unit)} · mean ${amount(mean, unit)} · high ${amount(high, unit)}`;
}

/**
 * The point under the pointer: its moment, its value and, for a summary, its range. undefined where
 * there is none.
 */
export function pointWords(
  columns: ChartColumns,
  index: number | undefined,
  { unit, nowMs }: { unit: string; nowMs: number },
): string | undefined {
  if (index === undefined) return undefined;
  const [atMs, value] = [columns.timesMs[index], columns.values[index]];
  const [low, high] = [columns.lows[index], columns.highs[index]];
  if (atMs === undefined || value == null || low == null || high == null) return undefined;
  const spread = low === high ? '' : ` (${formatValue(low)} to ${formatValue(high)})`;
  return `${formatMoment(atMs, nowMs)} · ${amount(value, unit)}${spread}`;
}

/** Why there is no line, and where there would be one. */
export function emptyWords(
  metric: { readonly value?: number },
  { end, newestMs, nowMs }: { end: RangeEnd; newestMs: number; nowMs: number },
): string {
  if (metric.value === undefined) return 'This is text, which has no chart.';
  if (end === 'newest') return 'No readings in this range.';
  const newest = formatMoment(newestMs, nowMs);
  return `No readings in this range. The newest is of ${newest}: choose “Newest data”.`;
}

function amount(value: number, unit: string): string {
  return unit === '' ? formatValue(value) : `${formatValue(value)} ${unit}`;
}
