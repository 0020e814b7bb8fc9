import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyColumns,
  FLAG_TEXT,
  HOUR_MICROS,
  MINUTE_MICROS,
  pushReading,
  type Reading,
} from './reading.ts';
import {
  coarsened,
  decodeSummaries,
  encodeSummaries,
  mergeAll,
  type Summaries,
  summarise,
} from './roll-up.ts';

/** A sequence is used once, so that first and last are never a matter of chance. */
const streams: fc.Arbitrary<Reading[]> = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 3 * HOUR_MICROS }).map((time) => time - (time % 7_000_000)),
      content: fc.oneof(
        fc.integer({ min: -1e6, max: 1e6 }).map((scaled) => scaled / 100),
        fc.uint8Array({ maxLength: 3 }),
      ),
    }),
    { maxLength: 80 },
  )
  .map((list) =>
    list.map(({ time, content }, index) => ({
      time,
      content,
      receivedTime: time,
      sequence: index + 1,
      flags: typeof content === 'number' ? 0 : FLAG_TEXT,
    })),
  );

function summariesOf(readings: readonly Reading[], bucketMicros: number): Summaries {
  const columns = emptyColumns();
  for (const reading of readings) pushReading(columns, reading);
  return summarise(columns, bucketMicros);
}

/** By the definition, one bucket after the other. */
function naive(readings: readonly Reading[], bucketMicros: number) {
  const numbers = readings.filter((reading) => typeof reading.content === 'number');
  const starts = [...new Set(numbers.map(({ time }) => Math.floor(time / bucketMicros)))];
  return starts
    .sort((a, b) => a - b)
    .map((start) => {
      const own = numbers
        .filter(({ time }) => Math.floor(time / bucketMicros) === start)
        .sort((a, b) => a.time - b.time || a.sequence - b.sequence);
      const values = own.map((reading) => reading.content as number);
      return {
        start: start * bucketMicros,
        count: values.length,
        sum: values.reduce((sum, value) => sum + value, 0),
        min: Math.min(...values),
        max: Math.max(...values),
        first: values[0],
        last: values.at(-1),
      };
    });
}

function expectSame(summaries: Summaries, expected: ReturnType<typeof naive>): void {
  const sorted = [...summaries].sort(([a], [b]) => a - b);
  expect(sorted.map(([start]) => start)).toEqual(expected.map(({ start }) => start));
  for (const [index, [, summary]] of sorted.entries()) {
    const { sum, first, last, ...rest } = expected[index]!;
    expect(summary.sum).toBeCloseTo(sum, 6);
    expect(summary.first.value).toBe(first);
    expect(summary.last.value).toBe(last);
    expect({ start: sorted[index]![0], ...summary }).toMatchObject(rest);
  }
}

describe('summarise', () => {
  it.each([MINUTE_MICROS, HOUR_MICROS])('equals a naive recomputation, buckets of %i', (bucket) => {
    fc.assert(
      fc.property(streams, (readings) => {
        expectSame(summariesOf(readings, bucket), naive(readings, bucket));
      }),
    );
  });

  it('comes to the same in any order and in any pieces, written to disk between or not', () => {
    const shuffled = streams.chain((readings) =>
      fc.record({
        readings: fc.shuffledSubarray(readings, { minLength: readings.length }),
        cuts: fc.array(fc.nat({ max: readings.length }), { maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ readings, cuts }) => {
        const whole: Summaries = new Map();
        const ends = [...cuts, readings.length].sort((a, b) => a - b);
        for (const [index, end] of ends.entries()) {
          const piece = summariesOf(readings.slice(ends[index - 1] ?? 0, end), MINUTE_MICROS);
          mergeAll(whole, decodeSummaries(encodeSummaries(piece)));
        }
        expectSame(whole, naive(readings, MINUTE_MICROS));
        expectSame(coarsened(whole, HOUR_MICROS), naive(readings, HOUR_MICROS));
      }),
    );
  });
});
