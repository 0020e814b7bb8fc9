import { formatClock, formatDay, formatMinute, formatMonth } from './time-format.ts';

const MINUTE_S = 60;
const DAY_S = 86_400;
const MONTH_S = 28 * DAY_S;
const YEAR_S = 365 * DAY_S;

/**
 * Labels of a time axis for ticks `stepS` apart. The first tick, and each that begins a new day (or
 * year), carries that in a second line, so that no chart leaves open which day it shows.
 */
export function timeLabels(ticksS: readonly number[], stepS: number): string[] {
  let shown = '';
  return ticksS.map((tick) => {
    const ms = tick * 1000;
    const [fine, coarse] = labelParts(ms, stepS);
    if (coarse === shown) return fine;
    shown = coarse;
    return `${fine}\n${coarse}`;
  });
}

function labelParts(ms: number, stepS: number): [string, string] {
  const year = String(new Date(ms).getFullYear());
  if (stepS >= YEAR_S) return [year, ''];
  if (stepS >= MONTH_S) return [formatMonth(ms).slice(0, 3), year];
  if (stepS >= DAY_S) return [formatDay(ms), year];
  const day = `${formatDay(ms)} ${year}`;
  return [stepS < MINUTE_S ? formatClock(ms) : formatMinute(ms), day];
}

/**
 * The range of a value axis: some air above and below, and a sensible one when all values are the
 * same.
 */
export function valueRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const span = high - low;
  const air = span > 0 ? span * 0.08 : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - air, high + air];
}
