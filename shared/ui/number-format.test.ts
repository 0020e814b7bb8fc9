import { expect, it } from 'vitest';
import { formatBytes, formatCount, formatPlural, formatValue } from './number-format.ts';

it('groups counts', () => {
  expect([0, 999, 12_340, 1_234_567].map(formatCount)).toEqual(['0', '999', '12,340', '1,234,567']);
  expect([1, 2].map((count) => formatPlural(count, 'device', 'devices'))).toEqual([
    '1 device',
    '2 devices',
  ]);
});

it('shows the digits of a value that matter', () => {
  const values = [21.5, -24.512_34, 1_234.56, 0, 1e-5, 2e12, true, 'open'];
  expect(values.map(formatValue)).toEqual([
    '21.5',
    '-24.512',
    '1,234.6',
    '0',
    '1.00e-5',
    '2.00e+12',
    'true',
    'open',
  ]);
});

it('shows bytes in a unit that fits', () => {
  expect([0, 999, 4_211, 4_211_000, 123e9].map(formatBytes)).toEqual([
    '0 bytes',
    '999 bytes',
    '4.2 kB',
    '4.2 MB',
    '123 GB',
  ]);
});
