import { expect, it } from 'vitest';
import { amountText, formatMoney, parseAmount } from './money-format.ts';

it.each([
  { currency: 'EUR', minorUnits: 2145, shown: '€21.45', typed: '21.45' },
  { currency: 'EUR', minorUnits: 123456789, shown: '€1,234,567.89', typed: '1234567.89' },
  { currency: 'JPY', minorUnits: 329, shown: '¥329', typed: '329' },
  { currency: 'KWD', minorUnits: 1500, shown: 'KWD\u00a01.500', typed: '1.500' },
])('shows and reads $minorUnits $currency', ({ currency, minorUnits, shown, typed }) => {
  const amount = { currency, minorUnits };
  expect(formatMoney(amount)).toBe(shown);
  expect(amountText(amount)).toBe(typed);
  expect(parseAmount(typed, currency)).toBe(minorUnits);
});

it('reads what people type, to the last minor unit', () => {
  expect(parseAmount(' 3 ', 'EUR')).toBe(300);
  expect(parseAmount('3,5', 'EUR')).toBe(350);
  expect(parseAmount('0.07', 'EUR')).toBe(7);
  // 1.15 * 100 is 114.99999999999999: amounts are never multiplied.
  expect(parseAmount('1.15', 'EUR')).toBe(115);
});

it.each(['', 'x', '-1', '1.234', '1.2.3', '1 000', '12345678901'])('refuses %j', (text) => {
  expect(parseAmount(text, 'EUR')).toBeUndefined();
});
