import type {
  CondensedNumber,
  CondensedSeries,
  CondensedText,
} from '@holdfast/shared/domain/condensed-body.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import type { SeriesReadings } from './block-readings.ts';
import {
  emptyColumns,
  FLAG_CONDENSED,
  FLAG_SUSPECT,
  FLAG_TEXT,
  HOUR_MICROS,
  pushReading,
  type Reading,
  type ReadingColumns,
} from './reading.ts';
import { mergeInto, type Summaries } from './roll-up.ts';

/**
 * What a condensed block says: its minutes go into the roll-ups as they are, and its texts are
 * readings that stand for those of their minute.
 */
export function condensedReadings(series: readonly CondensedSeries[]): readonly SeriesReadings[] {
  return series.flatMap(({ device, metric, minutes, latest, texts }) => {
    const last = latestOf(latest, texts);
    if (!last) return [];
    return {
      device: boundedName(device),
      metric: boundedName(metric),
      hours: byHour(texts),
      minutes: minutesByHour(minutes),
      latest: last,
    };
  });
}

function latestOf(
  number: CondensedNumber | undefined,
  texts: readonly CondensedText[],
): Reading | undefined {
  const all = texts.map(textReading);
  if (number) all.push(numberReading(number));
  return all.reduce<Reading | undefined>(
    (last, one) => (last && last.sequence > one.sequence ? last : one),
    undefined,
  );
}

function byHour(texts: readonly CondensedText[]): Map<number, ReadingColumns> {
  const hours = new Map<number, ReadingColumns>();
  for (const reading of texts.map(textReading)) {
    const hour = hourOf(reading.time);
    const columns = hours.get(hour) ?? emptyColumns();
    hours.set(hour, columns);
    pushReading(columns, reading);
  }
  return hours;
}

function minutesByHour(minutes: CondensedSeries['minutes']): ReadonlyMap<number, Summaries> {
  const hours = new Map<number, Summaries>();
  for (const [start, summary] of minutes) {
    const hour = hourOf(start);
    const held: Summaries = hours.get(hour) ?? new Map();
    hours.set(hour, held);
    mergeInto(held, start, summary);
  }
  return hours;
}

function textReading({ bytes, suspect, ...taken }: CondensedText): Reading {
  const { time, receivedTime, sequence } = taken;
  const flags = FLAG_TEXT | FLAG_CONDENSED | (suspect ? FLAG_SUSPECT : 0);
  return { time, receivedTime, sequence, flags, content: bytes };
}

function numberReading({ time, receivedTime, sequence, suspect, value }: CondensedNumber): Reading {
  return { time, receivedTime, sequence, flags: suspect ? FLAG_SUSPECT : 0, content: value };
}

function hourOf(time: number): number {
  return time - (time % HOUR_MICROS);
}
