import { planOf } from '@holdfast/shared/platform/sql/plan.fixture.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PaymentWorld } from '../payment.fixture.ts';
import { dueQuery, pendingQuery } from './calls.ts';

let world: PaymentWorld;
beforeEach(async () => {
  world = await PaymentWorld.open('sqlite');
});
afterEach(() => world.dispose());

describe('what the acquirer has not answered', () => {
  it('is found without passing over all that ended', async () => {
    const { tables } = world;
    const plans = await tables.transaction(async (tx) => [
      await planOf(tx, dueQuery(tx, { now: 5n, latest: 9n, limit: 10 })),
      await planOf(tx, pendingQuery(tx)),
    ]);
    // All of the index, which holds what is pending and nothing else.
    const looked = ['SCAN operations USING INDEX operations_due'];
    expect(plans).toEqual([looked, looked]);
  });
});
