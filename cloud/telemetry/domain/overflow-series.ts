import type { Summary } from '@holdfast/shared/domain/summary.ts';
import type { SeriesReadings } from './block-readings.ts';
import {
  emptyColumns,
  FLAG_SUSPECT,
  FLAG_TEXT,
  HOUR_MICROS,
  pushReading,
  type Reading,
  type ReadingColumns,
  readingAt,
} from './reading.ts';

/**
 * One device has at most this many metrics of its own in one site. What it says under further names
 * is kept all the same: as texts of the metric OVERFLOW_METRIC, each a JSON object by name. Counted
 * before the transaction, so that two that come at once may go a little over it.
 */
export const SERIES_PER_DEVICE_MAX = 1_000;
export const OVERFLOW_METRIC = '~more';

type Content = number | string | Pick<Summary, 'count' | 'sum' | 'min' | 'max'>;

interface Message extends Omit<Reading, 'content'> {
  readonly fields: Record<string, Content>;
}

/** Series of one device, as one: a text for each message. */
export function overflowOf(series: readonly SeriesReadings[]): SeriesReadings {
  const messages = new Map<number, Message>();
  const add = (metric: string, occasion: Omit<Reading, 'content'>, content: Content): void => {
    const { time, receivedTime, sequence } = occasion;
    const flags = FLAG_TEXT | (occasion.flags & FLAG_SUSPECT);
    const message = messages.get(sequence) ?? { time, receivedTime, sequence, flags, fields: {} };
    messages.set(sequence, message);
    message.fields[metric] = content;
  };
  for (const { metric, hours, minutes } of series) {
    for (const columns of hours.values()) {
      for (const reading of readingsIn(columns)) add(metric, reading, contentOf(reading));
    }
    for (const [, summaries] of minutes ?? []) {
      for (const { first, count, sum, min, max } of summaries.values()) {
        const { time, sequence } = first;
        const occasion = { time, receivedTime: time, sequence, flags: 0 };
        add(metric, occasion, { count, sum, min, max });
      }
    }
  }
  const ordered = [...messages.values()].sort((a, b) => a.sequence - b.sequence);
  const readings = ordered.map(({ fields, ...occasion }) => {
    return { ...occasion, content: Buffer.from(JSON.stringify(fields)) };
  });
  const { device } = series[0]!;
  return { device, metric: OVERFLOW_METRIC, hours: byHour(readings), latest: readings.at(-1)! };
}

function* readingsIn(columns: ReadingColumns): Generator<Reading> {
  for (let index = 0; index < columns.times.length; index++) yield readingAt(columns, index);
}

function contentOf({ content }: Reading): Content {
  return typeof content === 'number' ? content : Buffer.from(content).toString('utf8');
}

function byHour(readings: readonly Reading[]): Map<number, ReadingColumns> {
  const hours = new Map<number, ReadingColumns>();
  for (const reading of readings) {
    const hour = reading.time - (reading.time % HOUR_MICROS);
    const columns = hours.get(hour) ?? emptyColumns();
    hours.set(hour, columns);
    pushReading(columns, reading);
  }
  return hours;
}
