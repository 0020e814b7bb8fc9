import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PaymentState } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PaymentTask } from './payment.case.child.ts';
import { callsOn, DATABASES, newKey, PaymentWorld } from './payment.fixture.ts';

/** Of Authorise, Capture and Refund; after an outcome is stored there is nothing to resolve. */
const STEPS = [
  ['payment.intent.stored', 1],
  ['payment.intent.stored', 2],
  ['payment.intent.stored', 3],
  ['payment.answered', 1],
  ['payment.answered', 2],
  ['payment.answered', 3],
  ['payment.outcome.stored', 1],
] as const;

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`payment, killed, ${title}`, { timeout: 60_000 }, () => {
    let world: PaymentWorld;
    const children: ChildProcess[] = [];
    beforeEach(async () => {
      world = await PaymentWorld.open(technology);
    });
    afterEach(async () => {
      for (const child of children.splice(0)) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      await world.dispose();
    });
    const start = (task: Omit<PaymentTask, 'place'>): ChildProcess => {
      const argument: PaymentTask = { place: world.place, ...task };
      const file = join(import.meta.dirname, 'payment.case.child.ts');
      const child = fork(file, [JSON.stringify(argument)]);
      children.push(child);
      return child;
    };

    it.each(STEPS)(
      'at %s, the call %i: another process takes it up, and nothing is done twice',
      async (step, count) => {
        const key = newKey();
        const victim = start({ keys: [key], until: 'refunded', killAt: { step, count } });
        const [, signal] = await once(victim, 'exit');
        expect(signal).toBe('SIGKILL');
        const calls = callsOn(await world.start());
        const found = await calls.settled(key);
        // What nobody had sent when the process died is given up; the other calls are sent.
        const isGivenUp = count === 1 && step === 'payment.intent.stored';
        if (isGivenUp) {
          expect(found.state).toBe(PaymentState.PAYMENT_STATE_DECLINED);
          await expect.poll(async () => (await world.charge(key))?.state).toBe('voided');
        } else {
          await calls.capture(key);
          await calls.settled(key);
          await calls.refund(key, 'rfd_1', 300);
          expect((await calls.settled(key)).refunded?.minorUnits).toBe(300n);
          expect(await world.charge(key)).toMatchObject({ captured: 1_000, refunded: 300 });
          expect(await world.account('acquirer_receivable')).toBe(700n);
        }
        await world.expectBalanced();
        expect(await world.doubleCharges()).toEqual([]);
      },
    );

    it('two processes with the same keys, one killed: each key is charged once', async () => {
      const keys = Array.from({ length: 8 }, newKey);
      const killAt = { step: 'payment.answered', count: 6 };
      const both = [0, 1].map(() => start({ keys, until: 'captured', killAt }));
      await Promise.race(both.map((child) => once(child, 'exit')));
      const calls = callsOn(await world.start());
      for (const key of keys) {
        await calls.authorise(key);
        await calls.settled(key);
        await calls.capture(key);
        expect((await calls.settled(key)).state).toBe(PaymentState.PAYMENT_STATE_CAPTURED);
        expect(await world.charge(key)).toMatchObject({ captured: 1_000 });
      }
      expect(await world.account('revenue')).toBe(-8_000n);
      await world.expectBalanced();
      expect(await world.doubleCharges()).toEqual([]);
    });
  });
}
