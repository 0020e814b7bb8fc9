import { expect, it } from 'vitest';
import { type MovementDraft, readMovement } from './movement.ts';
import type { StockLevel } from './stock-api.ts';

const DRAFT: MovementDraft = {
  site: ' site-1 ',
  item: 'PEAS',
  kind: 'receive',
  quantity: '12',
  toSite: 'site-2',
  reason: ' ',
};
const SEEN = { site: 'site-1', item: 'PEAS', onHand: 9, version: 4 } as StockLevel;

it('says what was booked, and nothing that its kind has not', () => {
  expect(readMovement(DRAFT, SEEN)).toEqual({
    site: 'site-1',
    item: 'PEAS',
    kind: 'receive',
    quantity: 12,
  });
  expect(readMovement({ ...DRAFT, kind: 'transfer' }, SEEN)).toMatchObject({ toSite: 'site-2' });
});

it('tells with a count what its counter saw in the ledger', () => {
  const count = { ...DRAFT, kind: 'count' as const, reason: 'monthly' };
  expect(readMovement(count, SEEN)).toMatchObject({
    seen: { onHand: 9, version: 4 },
    reason: 'monthly',
  });
  expect(readMovement(count, undefined)).not.toHaveProperty('seen');
});

it.each(['', 'x', '1.5', '1e3', '12345678901'])('takes no quantity %j', (quantity) => {
  expect(readMovement({ ...DRAFT, quantity }, SEEN)).toBeUndefined();
});

it('takes less than nothing where the ledger has too much', () => {
  expect(readMovement({ ...DRAFT, kind: 'adjust', quantity: '-3' }, SEEN)?.quantity).toBe(-3);
});
