import { expect, it } from 'vitest';
import { timeLabels, valueRange } from './chart-axis.ts';
import { formatAge, formatMoment, formatSpan } from './time-format.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

it('shows a span in its largest fitting unit', () => {
  const spans = [-5, 850, 12 * SECOND, 180 * SECOND, 4 * HOUR, 9 * DAY, 4_000 * DAY];
  expect(spans.map(formatSpan)).toEqual(['0 ms', '850 ms', '12 s', '3 min', '4 h', '9 d', '10 y']);
});

it('shows an age, also when the other clock runs ahead', () => {
  const now = 1_000_000_000;
  expect(formatAge(now - 400, now)).toBe('now');
  expect(formatAge(now + 400, now)).toBe('now');
  expect(formatAge(now - 12 * SECOND, now)).toBe('12 s ago');
  expect(formatAge(now + 3 * HOUR, now)).toBe('in 3 h');
});

it('leaves out of a moment what goes without saying', () => {
  const now = new Date(2026, 4, 1, 12).getTime();
  expect(formatMoment(new Date(2026, 4, 1, 9, 5, 7).getTime(), now)).toBe('09:05:07');
  expect(formatMoment(new Date(2026, 1, 9, 14, 3).getTime(), now)).toBe('9 Feb, 14:03:00');
  expect(formatMoment(new Date(2015, 1, 9, 14, 3).getTime(), now)).toBe('9 Feb 2015, 14:03:00');
});

it('labels a time axis so that the day is always known', () => {
  const at = (...parts: [number, number, number, number?, number?]): number =>
    new Date(...parts).getTime() / 1000;
  expect(timeLabels([at(2026, 4, 1, 23, 59), at(2026, 4, 2, 0, 0)], 60)).toEqual([
    '23:59\n1 May 2026',
    '00:00\n2 May 2026',
  ]);
  expect(timeLabels([at(2026, 4, 1, 12), at(2026, 4, 1, 12, 1)], 30)[1]).toBe('12:01:00');
  expect(timeLabels([at(2015, 1, 4), at(2015, 1, 5)], 86_400)).toEqual(['4 Feb\n2015', '5 Feb']);
  expect(timeLabels([at(2014, 11, 1), at(2015, 0, 1)], 30 * 86_400)).toEqual([
    'Dec\n2014',
    'Jan\n2015',
  ]);
  expect(timeLabels([at(2014, 0, 1), at(2015, 0, 1)], 366 * 86_400)).toEqual(['2014', '2015']);
});

it('gives values some air, and an unchanging one a range', () => {
  expect(valueRange(0, 100)).toEqual([-8, 108]);
  expect(valueRange(4, 4)).toEqual([3.5, 4.5]);
  expect(valueRange(null, null)).toEqual([0, 1]);
});
