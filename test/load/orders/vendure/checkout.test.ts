import { expect, test } from 'vitest';
import { failureOf, STEPS } from './checkout.ts';

const first = STEPS[0]!;
const last = STEPS.at(-1)!;

test('an order counts only when the last call says that it is paid', () => {
  const answer = (state: string) => ({ data: { [last.name]: { __typename: 'Order', state } } });
  expect(failureOf(last, answer('PaymentAuthorized'))).toBeUndefined();
  expect(failureOf(last, answer('PaymentSettled'))).toBeUndefined();
  expect(failureOf(last, answer('ArrangingPayment'))).toContain('ArrangingPayment');
  const cart = { data: { [first.name]: { __typename: 'Order', state: 'AddingItems' } } };
  expect(failureOf(first, cart)).toBeUndefined();
});

test('an error of the protocol and an error of the shop both fail, with their words', () => {
  expect(failureOf(first, { errors: [{ message: 'went wrong' }], data: null })).toBe(
    'addItemToOrder: went wrong',
  );
  const shortage = {
    __typename: 'InsufficientStockError',
    errorCode: 'INSUFFICIENT_STOCK_ERROR',
    message: 'only 3 left',
  };
  expect(failureOf(first, { data: { [first.name]: shortage } })).toBe(
    'addItemToOrder: INSUFFICIENT_STOCK_ERROR only 3 left',
  );
  expect(failureOf(first, { data: {} })).toBe('addItemToOrder: no result');
});
