import { expect, it } from 'vitest';
import { createIntention } from './intention.ts';

it('keeps its key over every attempt, until it is done or something else is meant', () => {
  let drawn = 0;
  const intention = createIntention(() => {
    drawn += 1;
    return `key-${drawn}`;
  });
  const refund = { reason: 'returned' };
  expect(intention.keyFor(refund)).toBe('key-1');
  expect(intention.keyFor({ reason: 'returned' })).toBe('key-1');
  expect(intention.keyFor({ reason: 'fraud' })).toBe('key-2');
  intention.done();
  expect(intention.keyFor({ reason: 'fraud' })).toBe('key-3');
});
