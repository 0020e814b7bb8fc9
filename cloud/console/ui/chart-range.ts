export type Resolution = 'raw' | '1m' | '1h';
export type RangeId = '15m' | '1h' | '24h' | '7d' | 'all';
/**
 * Where a range ends: at the present, or at the newest reading, which for a recording may be years
 * ago.
 */
export type RangeEnd = 'now' | 'newest';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const RANGES: readonly { id: RangeId; label: string; spokenLabel: string; ms: number }[] = [
  { id: '15m', label: '15 min', spokenLabel: '15 minutes', ms: 15 * MINUTE_MS },
  { id: '1h', label: '1 h', spokenLabel: '1 hour', ms: HOUR_MS },
  { id: '24h', label: '24 h', spokenLabel: '24 hours', ms: DAY_MS },
  { id: '7d', label: '7 d', spokenLabel: '7 days', ms: 7 * DAY_MS },
  { id: 'all', label: 'All', spokenLabel: 'all that is kept', ms: Number.POSITIVE_INFINITY },
];

export const RESOLUTION_MS: Record<Resolution, number> = { raw: 0, '1m': MINUTE_MS, '1h': HOUR_MS };

/** The finest resolution that gives at most some thousand points: a screen shows no more. */
export function resolutionOf(spanMs: number): Resolution {
  if (spanMs <= 1 * HOUR_MS) return 'raw';
  return spanMs <= 2 * DAY_MS ? '1m' : '1h';
}

export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface WindowOptions {
  readonly range: RangeId;
  readonly end: RangeEnd;
  readonly nowMs: number;
  readonly newestMs: number;
  /** The oldest reading that is kept, for "all". */
  readonly oldestMs: number;
}

export function windowOf(o: WindowOptions): TimeWindow {
  // A device's clock may run ahead: what it sent must not fall off the right edge.
  const toMs = o.end === 'now' ? o.nowMs : o.newestMs;
  if (o.range === 'all')
    return { fromMs: o.oldestMs, toMs: Math.max(toMs, o.oldestMs + MINUTE_MS) };
  return { fromMs: toMs - rangeMs(o.range), toMs };
}

/**
 * A recording or a silent device would show an empty chart up to now: then the newest data is what
 * one came for.
 */
export function naturalEnd(newestMs: number, nowMs: number): RangeEnd {
  return Math.abs(nowMs - newestMs) <= 15 * MINUTE_MS ? 'now' : 'newest';
}

export function rangeMs(range: RangeId): number {
  return RANGES.find((each) => each.id === range)!.ms;
}

export function parseRange(text: string | null): RangeId | undefined {
  return RANGES.find((each) => each.id === text)?.id;
}
