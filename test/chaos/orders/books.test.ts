import { expect, test } from 'vitest';
import { faultsOf, ledgerFaults, storyFaults } from './books.ts';

const level = { onHand: 30, reserved: 2, sold: 20, free: 8 };
const order = { id: 'ord_1', state: 'confirmed' } as const;

test('a level is whole, oversold or short', () => {
  expect(faultsOf(level, 30)).toEqual([]);
  expect(faultsOf({ ...level, sold: 31, free: 0 }, 30)).toHaveLength(1);
  expect(faultsOf({ ...level, free: 7 }, 30)).toHaveLength(1);
});

test('a story shows a missing event, and money that was held twice', () => {
  const event = (sequence: number) => ({ kind: 'event', sequence });
  const attempt = { kind: 'attempt', operation: 'authorise', outcome: 'done' };
  expect(storyFaults(order, [event(1), attempt, event(2)])).toEqual([]);
  expect(storyFaults(order, [event(1), event(3)])).toHaveLength(1);
  expect(storyFaults(order, [event(1), event(1)])).toHaveLength(1);
  expect(storyFaults(order, [event(1), attempt, attempt])).toHaveLength(1);
});

test('a ledger that does not sum to zero, or differs from the acquirer, is found', () => {
  const entry = (minorUnits: number) => ({ currency: 'EUR', minorUnits });
  const whole = { isBalanced: true, ledger: [entry(5), entry(-5)], differences: [] };
  expect(ledgerFaults(whole)).toEqual([]);
  expect(ledgerFaults({ ...whole, ledger: [entry(5), entry(-4)] })).toHaveLength(1);
  const differences = [{ paymentKey: 'pay_1', kind: 'missing_in_books' }];
  expect(ledgerFaults({ ...whole, differences })).toHaveLength(1);
});
