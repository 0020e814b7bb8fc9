import { PaymentState } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callsOn, DATABASES, newKey, PaymentWorld } from './payment.fixture.ts';

const CONFLICT = { code: 'STATE_CONFLICT' };

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`payment ${title}`, () => {
    let world: PaymentWorld;
    let calls: ReturnType<typeof callsOn>;
    let others: ReturnType<typeof callsOn>;
    beforeEach(async () => {
      world = await PaymentWorld.open(technology);
      calls = callsOn(await world.start());
      others = callsOn(await world.start());
    });
    afterEach(async () => {
      await world.expectBalanced();
      await world.dispose();
    });

    it('Authorise of one key from two processes at once: one charge, asked for once', async () => {
      const key = newKey();
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 ? calls : others).authorise(key)),
      );
      expect((await calls.settled(key)).state).toBe(PaymentState.PAYMENT_STATE_AUTHORISED);
      const charge = await world.charge(key);
      expect(charge?.operations).toEqual([
        { operationId: 'authorise', kind: 'authorise', outcome: 'done', deliveries: 1 },
      ]);
    });

    it('the same key answers as the first time, and another amount is refused', async () => {
      const key = newKey();
      const first = await calls.authorise(key);
      expect(await others.authorise(key)).toEqual(first);
      await expect(calls.authorise(key, { minorUnits: 999 })).rejects.toMatchObject(CONFLICT);
      await expect(calls.authorise(key, { token: 'tok_b' })).rejects.toMatchObject(CONFLICT);
    });

    it('Capture from two processes at once takes the amount once', async () => {
      const key = newKey();
      await calls.authorise(key);
      await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 ? calls : others).capture(key)));
      await calls.settled(key);
      expect(await world.charge(key)).toMatchObject({ captured: 1_000 });
      expect(await world.account('revenue')).toBe(-1_000n);
    });

    it('refunds that race never pay back more than was captured, each id once', async () => {
      const key = newKey();
      await calls.authorise(key);
      await calls.capture(key);
      const ids = ['rfd_a', 'rfd_b', 'rfd_c', 'rfd_a', 'rfd_b', 'rfd_c'];
      const replies = await Promise.allSettled(
        ids.map((id, i) => (i % 2 ? calls : others).refund(key, id, 400)),
      );
      for (const reply of replies) {
        if (reply.status === 'rejected') expect(reply.reason).toMatchObject(CONFLICT);
      }
      expect((await calls.settled(key)).refunded?.minorUnits).toBe(800n);
      expect(await world.charge(key)).toMatchObject({ refunded: 800 });
      await expect(calls.refund(key, 'rfd_a', 399)).rejects.toMatchObject(CONFLICT);
      await calls.refund(key, 'rfd_last', 200);
      expect((await calls.get(key)).state).toBe(PaymentState.PAYMENT_STATE_REFUNDED);
    });

    it('a Void of an unknown key is remembered: nothing is charged under it', async () => {
      const key = newKey();
      expect((await calls.void(key)).state).toBe(PaymentState.PAYMENT_STATE_VOIDED);
      expect((await calls.authorise(key)).state).toBe(PaymentState.PAYMENT_STATE_VOIDED);
      expect(await world.charge(key)).toBeUndefined();
    });

    it('a Void while the Authorise is under way: voided, and nothing is held', async () => {
      const key = newKey();
      await world.tell({ behaviour: 'late' });
      const authorising = calls.authorise(key);
      const intents = () =>
        world.tables.read((db) => db.selectFrom('attempts').select('attempt_id').execute());
      await expect.poll(intents).toHaveLength(1);
      await others.void(key);
      await authorising;
      expect((await calls.settled(key)).state).toBe(PaymentState.PAYMENT_STATE_VOIDED);
      await expect.poll(async () => (await world.charge(key))?.state).toBe('voided');
      expect(await world.account('authorised_holds')).toBe(0n);
    });

    it('what the state does not allow is refused', async () => {
      const key = newKey();
      await expect(calls.capture(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await calls.authorise(key);
      await expect(calls.refund(key, 'rfd_a', 1)).rejects.toMatchObject(CONFLICT);
      await calls.capture(key);
      await expect(calls.void(key)).rejects.toMatchObject(CONFLICT);
      await expect(calls.refund(key, 'rfd_a', 1_001)).rejects.toMatchObject(CONFLICT);
    });

    it('a payment of another tenant is not there', async () => {
      const key = newKey();
      await calls.authorise(key);
      const foreign = callsOn(await world.start(), { tenant: 'other', actor: 'usr_eve' });
      const absent = { code: 'NOT_FOUND' };
      await expect(foreign.get(key)).rejects.toMatchObject(absent);
      await expect(foreign.capture(key)).rejects.toMatchObject(absent);
      await expect(foreign.void(key)).rejects.toMatchObject(absent);
      await expect(foreign.refund(key, 'rfd_a', 1)).rejects.toMatchObject(absent);
      await expect(foreign.authorise(key)).rejects.toMatchObject(absent);
    });

    it.each(['tok_4111111111111111', '4111 1111 1111 1111', 'tok_378282246310005_x'])(
      'refuses %s: no card data',
      async (token) => {
        const key = newKey();
        const refusal = {
          code: 'REQUEST_INVALID',
          message: expect.stringContaining('No card data'),
        };
        await expect(calls.authorise(key, { token })).rejects.toMatchObject(refusal);
        await expect(calls.get(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      },
    );

    it('each change of money has its event and its audit row, in order', async () => {
      const key = newKey();
      await calls.authorise(key);
      await calls.capture(key);
      await calls.refund(key, 'rfd_a', 1_000);
      const seen = async (topic: 'payments' | 'audit.entries', partitions: number) => {
        const found: string[] = [];
        for (let partition = 0; partition < partitions; partition++) {
          const records = await world.log.read(topic, partition, 0n, 100);
          found.push(
            ...records.map(({ headers, value }) =>
              topic === 'payments'
                ? `${headers['ce_sequence']} ${headers['ce_type']}`
                : (JSON.parse(Buffer.from(value).toString()) as { action: string }).action,
            ),
          );
        }
        return found;
      };
      await expect
        .poll(() => seen('payments', 8))
        .toEqual(['1 payment.authorised.v1', '2 payment.captured.v1', '3 payment.refunded.v1']);
    });
  });
}
