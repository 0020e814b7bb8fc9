import { expect, it } from 'vitest';
import { emptyWords, pointWords, summaryWords } from './chart-words.ts';

const NOW = new Date(2026, 4, 1, 12).getTime();
const COLUMNS = { timesMs: [NOW, NOW], values: [4, null], lows: [3.5, null], highs: [4.5, null] };

it('sums a chart up in a line', () => {
  const summary = { low: 1, mean: 2.66666, high: 4 };
  expect(summaryWords(summary, '°C')).toBe('low 1 °C · mean 2.667 °C · high 4 °C');
  expect(summaryWords(undefined, '°C')).toBe('');
});

it('names the point under the pointer, and nothing in a gap', () => {
  const options = { unit: '%', nowMs: NOW };
  expect(pointWords(COLUMNS, 0, options)).toBe('12:00:00 · 4 % (3.5 to 4.5)');
  expect(pointWords(COLUMNS, 1, options)).toBeUndefined();
  expect(pointWords(COLUMNS, undefined, options)).toBeUndefined();
});

it('says where the data is when there is none in the range', () => {
  const newestMs = new Date(2015, 1, 10, 9, 33).getTime();
  expect(emptyWords({ value: 1 }, { end: 'now', newestMs, nowMs: NOW })).toContain(
    'The newest is of 10 Feb 2015, 09:33:00',
  );
  expect(emptyWords({}, { end: 'now', newestMs, nowMs: NOW })).toContain('text');
});
