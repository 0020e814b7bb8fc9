import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChunk, encodeChunk } from './chunk.ts';
import {
  emptyColumns,
  FLAG_SUSPECT,
  FLAG_TEXT,
  MICROS_MAX,
  pushReading,
  type Reading,
  type ReadingColumns,
  readingAt,
} from './reading.ts';

const safe = fc.integer({ min: 0, max: MICROS_MAX });
const values = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -1e6, max: 1e6 }).map((scaled) => scaled / 100),
  fc.constantFrom(0, -0, 1, 2 ** 53, Number.MAX_VALUE, Number.MIN_VALUE),
);
const readings: fc.Arbitrary<Reading> = fc
  .record({
    time: safe,
    receivedTime: safe,
    sequence: safe,
    suspect: fc.boolean(),
    content: fc.oneof(values, values, fc.uint8Array({ maxLength: 20 })),
  })
  .map(({ suspect, ...reading }) => ({
    ...reading,
    flags: (typeof reading.content === 'number' ? 0 : FLAG_TEXT) | (suspect ? FLAG_SUSPECT : 0),
  }));

function columnsOf(list: readonly Reading[]): ReadingColumns {
  const columns = emptyColumns();
  for (const reading of list) pushReading(columns, reading);
  return columns;
}

function listOf(columns: ReadingColumns): Reading[] {
  return columns.times.map((_, index) => readingAt(columns, index));
}

describe('encodeChunk', () => {
  it('gives every reading back, to the bit', () => {
    fc.assert(
      fc.property(fc.array(readings, { maxLength: 60 }), (list) => {
        const read = listOf(decodeChunk(encodeChunk(columnsOf(list))));
        expect(read.length).toBe(list.length);
        for (const [index, reading] of read.entries()) {
          const { content, ...rest } = list[index]!;
          expect(reading).toMatchObject(rest);
          if (typeof content === 'number') expect(Object.is(reading.content, content)).toBe(true);
          else expect(Buffer.from(reading.content as Uint8Array).equals(content)).toBe(true);
        }
      }),
    );
  });

  it('needs few bytes for a sensor of two decimals', () => {
    const list = Array.from({ length: 3_600 }, (_, second) => ({
      time: second * 1_000_000,
      receivedTime: second * 1_000_000,
      sequence: second * 50,
      flags: 0,
      content: Math.round(400 + 50 * Math.sin(second / 300)) / 100,
    }));
    expect(encodeChunk(columnsOf(list)).byteLength / list.length).toBeLessThan(8);
  });
});

describe('decodeChunk', () => {
  it('names a version that it does not know, and bytes that end too early', () => {
    expect(() => decodeChunk(Uint8Array.of(9))).toThrowError(/unknown version 9/);
    const chunk = encodeChunk(
      columnsOf([{ time: 5, receivedTime: 5, sequence: 1, flags: 0, content: 0.1 + 0.2 }]),
    );
    for (let length = 0; length < chunk.byteLength; length++) {
      expect(() => decodeChunk(chunk.subarray(0, length))).toThrowError(/ends too early/);
    }
  });
});
