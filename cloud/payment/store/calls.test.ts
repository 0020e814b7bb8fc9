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
    const due = await tables.transaction((tx) => planOf(tx, dueQuery(tx, { now: 5n, limit: 10 })));
    expect(due).toEqual(['SEARCH operations USING INDEX operations_due (due_at<?)']);
    // All of the index: it holds what is pending and nothing else.
    const pending = await tables.transaction((tx) => planOf(tx, pendingQuery(tx)));
    expect(pending).toEqual(['SCAN operations USING INDEX operations_due']);
  });
});
