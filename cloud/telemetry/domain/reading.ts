export { MICROS_MAX, MINUTE_MICROS } from '@holdfast/shared/domain/reading-time.ts';

/**
 * A series is one metric of one device. A device belongs to its site: the same id elsewhere is
 * another device.
 */
export interface SeriesKey {
  readonly tenant: string;
  readonly site: string;
  readonly device: string;
  readonly metric: string;
}

export const HOUR_MICROS = 3_600_000_000;

/** The value is an index into `texts`. */
export const FLAG_TEXT = 1;
/** The device sent a time that cannot be believed, so the receive time stands for it. */
export const FLAG_SUSPECT = 2;
/** A text that stands for all of its minute: the gateway condensed them. */
export const FLAG_CONDENSED = 4;

/**
 * Readings of one series and one stream by column; entry i of each column belongs to reading i.
 * Times are microseconds since 1970. Times and sequences are numbers here, not bigint, because this
 * is the hot path: what does not fit 2^53 is parked before it gets here.
 */
export interface ReadingColumns {
  readonly times: number[];
  readonly receivedTimes: number[];
  readonly sequences: number[];
  readonly flags: number[];
  readonly values: number[];
  /** Bodies as they were sent, UTF-8 or not. */
  readonly texts: Uint8Array[];
}

export interface Reading {
  readonly time: number;
  readonly receivedTime: number;
  readonly sequence: number;
  readonly flags: number;
  readonly content: number | Uint8Array;
}

export function emptyColumns(): ReadingColumns {
  return { times: [], receivedTimes: [], sequences: [], flags: [], values: [], texts: [] };
}

export function readingAt(columns: ReadingColumns, index: number): Reading {
  const flags = columns.flags[index]!;
  const value = columns.values[index]!;
  return {
    time: columns.times[index]!,
    receivedTime: columns.receivedTimes[index]!,
    sequence: columns.sequences[index]!,
    flags,
    content: flags & FLAG_TEXT ? columns.texts[value]! : value,
  };
}

export function pushReading(columns: ReadingColumns, reading: Reading): void {
  columns.times.push(reading.time);
  columns.receivedTimes.push(reading.receivedTime);
  columns.sequences.push(reading.sequence);
  columns.flags.push(reading.flags);
  if (typeof reading.content === 'number') columns.values.push(reading.content);
  else columns.values.push(columns.texts.push(reading.content) - 1);
}

export function appendColumns(to: ReadingColumns, from: ReadingColumns): void {
  const textOffset = to.texts.length;
  for (let index = 0; index < from.times.length; index++) {
    const flags = from.flags[index]!;
    to.times.push(from.times[index]!);
    to.receivedTimes.push(from.receivedTimes[index]!);
    to.sequences.push(from.sequences[index]!);
    to.flags.push(flags);
    to.values.push(from.values[index]! + (flags & FLAG_TEXT ? textOffset : 0));
  }
  for (const text of from.texts) to.texts.push(text);
}

/** By time, then by sequence. Repeated times are legal, so the time alone is no order. */
export function sortedByTime(columns: ReadingColumns): ReadingColumns {
  const { times, sequences } = columns;
  let sorted = true;
  for (let index = 1; sorted && index < times.length; index++) {
    sorted = compareAt(columns, index - 1, index) <= 0;
  }
  if (sorted) return columns;
  const order = Array.from({ length: times.length }, (_, index) => index);
  order.sort((a, b) => times[a]! - times[b]! || sequences[a]! - sequences[b]!);
  const result = emptyColumns();
  for (const index of order) pushReading(result, readingAt(columns, index));
  return result;
}

function compareAt(columns: ReadingColumns, a: number, b: number): number {
  return columns.times[a]! - columns.times[b]! || columns.sequences[a]! - columns.sequences[b]!;
}
