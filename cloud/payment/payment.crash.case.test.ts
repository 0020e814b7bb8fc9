import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PaymentState } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { firstStopped, type HaltAt } from '@holdfast/shared/runtime/halt.fixture.ts';
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
/** Before and after the acquirer has it; the outcome is in nobody's books. */
const STANDSTILLS = [
  ['payment.intent.stored', 1],
  ['payment.intent.stored', 2],
  ['payment.answered', 1],
] as const;
/** So that who wakes asks for nothing new. */
const UNTIL = { 1: 'authorised', 2: 'captured' } as const;

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

    /** Another process brings the payment to its end. */
    const finish = async (key: string, { step, count }: HaltAt): Promise<void> => {
      const calls = callsOn(await world.start());
      const found = await calls.settled(key);
      // What nobody had sent when the process halted is given up; the other calls are sent.
      if (count === 1 && step === 'payment.intent.stored') {
        expect(found.state).toBe(PaymentState.PAYMENT_STATE_DECLINED);
        await expect.poll(async () => (await world.charge(key))?.state).toBe('voided');
        return;
      }
      await calls.capture(key);
      await calls.settled(key);
      await calls.refund(key, 'rfd_1', 300);
      expect((await calls.settled(key)).refunded?.minorUnits).toBe(300n);
      expect(await world.charge(key)).toMatchObject({ captured: 1_000, refunded: 300 });
      expect(await world.account('acquirer_receivable')).toBe(700n);
    };

    it.each(STEPS)(
      'at %s, the call %i: another process takes it up, and nothing is done twice',
      async (step, count) => {
        const key = newKey();
        const victim = start({ keys: [key], until: 'refunded', haltAt: { step, count } });
        const [, signal] = await once(victim, 'exit');
        expect(signal).toBe('SIGKILL');
        await finish(key, { step, count });
        await world.expectBalanced();
        expect(await world.doubleCharges()).toEqual([]);
      },
    );

    it.each(STANDSTILLS)(
      'at %s, the call %i, by a standstill: who wakes changes nothing that another has done',
      async (step, count) => {
        const key = newKey();
        const haltAt = { step, count, signal: 'SIGSTOP' } as const;
        const victim = start({ keys: [key], until: UNTIL[count], haltAt });
        const done = new Promise((resolve) => {
          victim.on('message', (told) => told === 'done' && resolve(told));
        });
        await firstStopped([victim]);
        await finish(key, haltAt);
        const moneyOf = async () => ({
          ...(await world.charge(key)),
          operations: 'a repeat is no harm',
        });
        const money = await moneyOf();
        victim.kill('SIGCONT');
        await done;
        expect(await moneyOf()).toEqual(money);
        await world.expectBalanced();
        expect(await world.doubleCharges()).toEqual([]);
      },
    );

    it('two processes with the same keys, one killed: each key is charged once', async () => {
      const keys = Array.from({ length: 8 }, newKey);
      const haltAt = { step: 'payment.answered', count: 6 };
      const both = [0, 1].map(() => start({ keys, until: 'captured', haltAt }));
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
