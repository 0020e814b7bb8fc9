import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readingTime, rfc3339, rfc3339Micros, timestampMicros } from './reading-time.ts';

const RECEIVED = Date.UTC(2026, 0, 1) * 1000;

describe('readingTime', () => {
  it.each([
    ['2006-11-14T05:46:00Z', Date.UTC(2006, 10, 14, 5, 46) * 1000],
    ['2025-12-31T23:59:59.250+00:00', Date.UTC(2025, 11, 31, 23, 59, 59, 250) * 1000],
    [1_163_483_160, 1_163_483_160_000_000],
    [1_163_483_160_250, 1_163_483_160_250_000],
    [1_163_483_160.5, 1_163_483_160_500_000],
  ])('takes the time of the device: %s', (ts, time) => {
    expect(readingTime(ts, RECEIVED)).toEqual({ time, suspect: false });
  });

  it('takes the receive time when the device names none', () => {
    expect(readingTime(undefined, RECEIVED)).toEqual({ time: RECEIVED, suspect: false });
  });

  it.each([
    '1989-12-31T23:59:59Z',
    '2026-01-02T00:00:01Z',
    '2020-05-05T07:17:51',
    'soon',
    0,
    Number.NaN,
    1e300,
    true,
    { at: 1 },
  ])('marks a clock that cannot be believed: %s', (ts) => {
    expect(readingTime(ts, RECEIVED)).toEqual({ time: RECEIVED, suspect: true });
  });
});

describe('rfc3339Micros', () => {
  it('agrees with the calendar for every time with milliseconds', () => {
    const times = fc.date({
      min: new Date('0000-03-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(times, (date) => {
        expect(rfc3339Micros(date.toISOString())).toBe(date.getTime() * 1000);
      }),
    );
  });

  it('is undone by rfc3339', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (micros) => {
        expect(rfc3339Micros(rfc3339(micros))).toBe(micros);
      }),
    );
  });

  it('reads zones, leap seconds and fractions', () => {
    expect(rfc3339Micros('2024-02-29T01:00:00+01:00')).toBe(Date.UTC(2024, 1, 29) * 1000);
    expect(rfc3339Micros('2016-12-31T23:59:60Z')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59) * 1000);
    expect(rfc3339Micros('1970-01-01T00:00:00.1234567Z')).toBe(123_456);
  });

  it.each([
    '2023-02-29T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-00-01T00:00:00Z',
    '2023-04-31T00:00:00Z',
    '2023-01-01T24:00:00Z',
    '2023-01-01T00:60:00Z',
    '2023-01-01T00:00:61Z',
    '2023-01-01T00:00:00+24:00',
    '2023-01-0aT00:00:00Z',
    '2023-01-01',
    '2023-01-01T00:00:00.Z',
  ])('refuses %s', (text) => expect(rfc3339Micros(text)).toBeUndefined());

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.anything(), (anything) => void timestampMicros(anything)));
  });
});
