import type { BodyEpoch, ReceiveTime } from '../lib/block-body.ts';

export const MINUTE_MICROS = 60_000_000;
/**
 * Times and sequences stay below this, so that the difference of any two is exact. In the year
 * 2112.
 */
export const MICROS_MAX = 2 ** 52 - 1;
const DAY_MICROS = 86_400_000_000;
/**
 * Recordings of decades are replayed with their own times; before this no digital sensor kept a
 * clock.
 */
const EARLIEST_MICROS = Date.UTC(1990, 0, 1) * 1000;
/**
 * Epoch numbers below are seconds (until the year 5138), from here on milliseconds (since 1973).
 */
const MILLISECONDS_FROM = 1e11;

export interface ReadingTime {
  readonly time: number;
  /** The device named a time that cannot be read or believed. */
  readonly suspect: boolean;
}

/**
 * When the gateway received a record; a clock that stands outside of what can be stored counts as
 * its bound. One for each body: it remembers the body's epochs.
 */
export function receiveTimes(): (received: ReceiveTime) => number {
  const bases = new Map<BodyEpoch, number>();
  return ({ epoch, elapsedMicros }) => {
    let base = bases.get(epoch);
    if (base === undefined) {
      base = Number(epoch.baseMonotonicMicros + epoch.offsetMicros);
      bases.set(epoch, base);
    }
    return Math.min(Math.max(base + elapsedMicros, 0), MICROS_MAX);
  };
}

/**
 * When a reading was taken: the device's own `ts` when it lies between 1990 and a day after the
 * gateway received it, else the receive time. Microseconds since 1970.
 */
export function readingTime(ts: unknown, receivedTime: number): ReadingTime {
  if (ts === undefined || ts === null) return { time: receivedTime, suspect: false };
  const time = timestampMicros(ts);
  if (time === undefined || !isBelievable(time, receivedTime)) {
    return { time: receivedTime, suspect: true };
  }
  return { time, suspect: false };
}

/** Whether a device's own time can be; NaN cannot. */
export function isBelievable(time: number, receivedTime: number): boolean {
  return time >= EARLIEST_MICROS && time <= receivedTime + DAY_MICROS;
}

/**
 * Of an RFC 3339 text, or a number of seconds or milliseconds since 1970; undefined when it is
 * neither.
 */
export function timestampMicros(ts: unknown): number | undefined {
  if (typeof ts === 'string') return rfc3339Micros(ts);
  if (typeof ts !== 'number' || !Number.isFinite(ts)) return undefined;
  const micros = Math.round(Math.abs(ts) < MILLISECONDS_FROM ? ts * 1e6 : ts * 1e3);
  return Number.isSafeInteger(micros) ? micros : undefined;
}

/** `2026-01-01T00:00:00` and what may follow: a fraction of up to nine digits, then the zone. */
const SECONDS_END = 19;
const SHAPE = /^....-..-..[Tt ]..:..:..(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/**
 * RFC 3339 §5.6, the zone included; a leap second counts as the second before it. By hand: it runs
 * per reading.
 */
export function rfc3339Micros(text: string): number | undefined {
  if (!SHAPE.test(text)) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const known = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!known || !(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  const zone = text.endsWith('Z') || text.endsWith('z') ? text.length - 1 : text.length - 6;
  const offset = zone === text.length - 1 ? 0 : zoneMinutes(text, zone);
  if (offset === undefined) return undefined;
  const seconds = (hour * 60 + minute - offset) * 60 + Math.min(second, 59);
  const micros = daysSince1970(year, month, day) * DAY_MICROS + seconds * 1e6;
  return zone === SECONDS_END ? micros : micros + fractionMicros(text, zone);
}

/** NaN when one of them is no digit. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at++) {
    const digit = text.charCodeAt(at) - 48;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
  }
  return value;
}

/** What is finer than a microsecond is cut off. */
function fractionMicros(text: string, end: number): number {
  return Number(
    text
      .slice(SECONDS_END + 1, end)
      .slice(0, 6)
      .padEnd(6, '0'),
  );
}

function zoneMinutes(text: string, at: number): number | undefined {
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (text[at] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Of a date of the Gregorian calendar; years begin in March here, so that the leap day is a year's
 * last.
 */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const monthsSinceMarch = (month + 9) % 12;
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const dayOfYear = Math.floor((153 * monthsSinceMarch + 2) / 5) + day - 1;
  return marchYear * 365 + leapDays + dayOfYear - DAYS_TO_1970;
}

/** From 1 March of the year 0 to 1 January 1970. */
const DAYS_TO_1970 = 719_468;

/** RFC 3339 in UTC, with milliseconds, or microseconds where there are any. */
export function rfc3339(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const rest = micros - milliseconds * 1000;
  const text = new Date(milliseconds).toISOString();
  return rest === 0 ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}
