import { PaymentState } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { clockAhead } from '@holdfast/shared/runtime/clock.ahead.fixture.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callsOn, DATABASES, newKey, PaymentWorld } from './payment.fixture.ts';

const { PAYMENT_STATE_AUTHORISED, PAYMENT_STATE_DECLINED, PAYMENT_STATE_CAPTURED } = PaymentState;

/** What the acquirer does once, how the payment ends, and whether it is charged then. */
const AUTHORISE = [
  ['decline', PAYMENT_STATE_DECLINED, 'declined'],
  ['timeout', PAYMENT_STATE_AUTHORISED, 'held'],
  ['late', PAYMENT_STATE_AUTHORISED, 'held'],
  ['twice', PAYMENT_STATE_AUTHORISED, 'held'],
  ['malformed', PAYMENT_STATE_AUTHORISED, 'held'],
  ['drop_before', PAYMENT_STATE_DECLINED, 'voided'],
  ['drop_after', PAYMENT_STATE_AUTHORISED, 'held'],
  ['error', PAYMENT_STATE_AUTHORISED, 'held'],
  ['retryable', PAYMENT_STATE_AUTHORISED, 'held'],
] as const;
const AFTER = AUTHORISE.map(([behaviour]) => behaviour).filter((name) => name !== 'decline');

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`payment, with an acquirer that misbehaves, ${title}`, () => {
    let world: PaymentWorld;
    let calls: ReturnType<typeof callsOn>;
    beforeEach(async () => {
      world = await PaymentWorld.open(technology);
      calls = callsOn(await world.start());
    });
    afterEach(async () => {
      await world.expectBalanced();
      expect(await world.doubleCharges()).toEqual([]);
      await world.dispose();
    });

    it.each(AUTHORISE)('Authorise, %s: ends as %i, and is sent once', async (...row) => {
      const [behaviour, state, charged] = row;
      const key = newKey();
      await world.tell({ behaviour });
      await calls.authorise(key);
      expect((await calls.settled(key)).state).toBe(state);
      await expect.poll(async () => (await world.charge(key))?.state).toBe(charged);
      const sent = (await world.charge(key))?.operations.find((each) => each.kind === 'authorise');
      expect(sent?.deliveries ?? 0).toBe(behaviour === 'drop_before' ? 0 : 1);
      expect(await world.account('authorised_holds')).toBe(charged === 'held' ? 1_000n : 0n);
    });

    it('is resolved, too, when the clock, which was hours ahead, is set back', async () => {
      const clock = clockAhead(7_200_000);
      const other = callsOn(await world.start(testRuntime({ clock })));
      const key = newKey();
      await calls.authorise(key);
      await world.tell({ call: 'Capture', behaviour: 'drop_after' });
      await other.capture(key);
      clock.setBack();
      expect((await calls.settled(key)).state).toBe(PAYMENT_STATE_CAPTURED);
    });

    it.each(AFTER)('Capture, %s: captured once', async (behaviour) => {
      const key = newKey();
      await calls.authorise(key);
      await world.tell({ call: 'Capture', behaviour });
      await calls.capture(key);
      expect((await calls.settled(key)).state).toBe(PAYMENT_STATE_CAPTURED);
      expect(await world.charge(key)).toMatchObject({ state: 'captured', captured: 1_000 });
      expect(await world.account('revenue')).toBe(-1_000n);
      expect(await world.account('authorised_holds')).toBe(0n);
    });

    it.each(AFTER)('Refund, %s: paid back once', async (behaviour) => {
      const key = newKey();
      await calls.authorise(key);
      await calls.capture(key);
      await world.tell({ call: 'Refund', behaviour });
      await calls.refund(key, 'rfd_1', 400);
      const payment = await calls.settled(key);
      expect(payment.refunded?.minorUnits).toBe(400n);
      expect(await world.charge(key)).toMatchObject({ refunded: 400 });
      expect(await world.account('refunds')).toBe(400n);
    });

    it.each(AFTER)('Void, %s: given back', async (behaviour) => {
      const key = newKey();
      await calls.authorise(key);
      await world.tell({ call: 'Void', behaviour });
      await calls.void(key);
      expect((await calls.settled(key)).state).toBe(PaymentState.PAYMENT_STATE_VOIDED);
      expect(await world.charge(key)).toMatchObject({ state: 'voided' });
      expect(await world.account('authorised_holds')).toBe(0n);
    });

    it('an answer lost and queries without an answer: still one charge', async () => {
      const key = newKey();
      await world.tell({ behaviour: 'drop_after' });
      await world.tell({ call: 'Query', behaviour: 'malformed', times: 2 });
      await calls.authorise(key);
      expect((await calls.settled(key)).state).toBe(PAYMENT_STATE_AUTHORISED);
      const payment = await calls.get(key);
      expect(payment.attempts.map((each) => `${each.operation} ${each.outcome}`)).toEqual([
        'authorise unknown',
        'query unknown',
        'query unknown',
        'query done',
      ]);
    });

    it('nobody answers any query: declined in the end, and voided by reference', async () => {
      const key = newKey();
      await world.tell({ behaviour: 'drop_after' });
      await world.tell({ call: 'Query', behaviour: 'drop_before', times: 5 });
      await calls.authorise(key);
      const payment = await calls.settled(key);
      expect(payment.state).toBe(PAYMENT_STATE_DECLINED);
      expect(payment.declineCode).toBe('unresolved');
      await expect.poll(async () => (await world.charge(key))?.state).toBe('voided');
    });

    it('retryable for ever: declined after a bounded number of sends', async () => {
      const key = newKey();
      await calls.authorise(key, { token: 'tok_retryable_always' });
      const payment = await calls.settled(key);
      expect(payment.state).toBe(PAYMENT_STATE_DECLINED);
      const sends = payment.attempts.filter(({ operation }) => operation === 'authorise');
      expect(sends).toHaveLength(4);
    });
  });
}
