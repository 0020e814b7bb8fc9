import type { Role } from '@holdfast/shared/contracts/roles.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../platform/http/api.ts';
import { acquirerOf, callsOn, DATABASES, newKey, PaymentWorld } from '../payment.fixture.ts';
import type { PaymentHandle } from '../payment.module.ts';

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`payments over HTTP, ${title}`, () => {
    let world: PaymentWorld;
    let service: PaymentHandle;
    let calls: ReturnType<typeof callsOn>;
    beforeEach(async () => {
      world = await PaymentWorld.open(technology);
      service = await world.start();
      calls = callsOn(service);
    });
    afterEach(() => world.dispose());

    const get = async (path: string, role: Role = 'administrator', tenant = 'dev') => {
      const principal = { subject: 'usr_x', tenant, roles: [role], sites: ['*'] };
      const verifier = { verify: async () => principal };
      const api = createApi({ app: createApp(testRuntime()), verifier });
      service.routes?.(api);
      const answer = await api.app.fetch(new Request(`http://cloud${path}`));
      return { status: answer.status, body: JSON.parse(await answer.text()) };
    };

    it('shows a payment with its calls, to its tenant and by policy', async () => {
      const key = newKey();
      await calls.authorise(key);
      await calls.settled(key);
      const { status, body } = await get(`/v1/payments/${key}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        paymentKey: key,
        state: 'authorised',
        amount: { currency: 'EUR', minorUnits: 1_000 },
        attempts: [{ operation: 'authorise', outcome: 'done' }],
      });
      expect((await get(`/v1/payments/${key}`, 'administrator', 'other')).status).toBe(404);
      expect((await get(`/v1/payments/${key}`, 'customer')).status).toBe(403);
      // The policy of these tests allows administrators alone; a manager's denial is audited.
      expect((await get(`/v1/payments/${key}`, 'manager')).status).toBe(403);
      const denied = async () => {
        const all = await Promise.all(
          [0, 1, 2, 3, 4, 5, 6, 7].map((partition) =>
            world.log.read('audit.entries', partition, 0n, 100).catch(() => []),
          ),
        );
        return all.flat().map(({ value }) => JSON.parse(Buffer.from(value).toString()));
      };
      await expect
        .poll(denied)
        .toContainEqual(expect.objectContaining({ action: 'payment.read', outcome: 'denied' }));
    });

    it("finds the books and the acquirer's day the same, and says where they differ", async () => {
      const day = new Date().toISOString().slice(0, 10);
      const keys = [newKey(), newKey()];
      for (const key of keys) {
        await calls.authorise(key);
        await calls.settled(key);
      }
      await calls.capture(keys[0]!);
      await calls.settled(keys[0]!);
      await calls.refund(keys[0]!, 'rfd_1', 250);
      await calls.settled(keys[0]!);
      const path = `/v1/payments/reconciliation?day=${day}`;
      const { body } = await get(path);
      expect(body).toMatchObject({
        isBalanced: true,
        isComplete: true,
        bookedCount: 4,
        acquirerCount: 4,
        differences: [],
        unattributedCount: 0,
      });
      // Behind our back: a refund and a charge that no payment has.
      const acquirer = await acquirerOf(world.place.acquirerUrl, world.runtime);
      const order = { orderId: 'o', currency: 'EUR', minorUnits: 7n, token: 'tok_a' };
      const refund = { ...order, kind: 'refund' as const, operationId: 'rfd_planted' };
      await acquirer.send({ ...refund, reference: keys[0]! });
      const charge = { ...order, kind: 'authorise' as const, operationId: 'authorise' };
      await acquirer.send({ ...charge, reference: 'pay_planted' });
      await acquirer.close();
      expect((await get(path)).body).toMatchObject({
        unattributedCount: 1,
        differences: [
          { paymentKey: keys[0], operationId: 'rfd_planted', kind: 'missing_in_books' },
        ],
      });
      expect((await get('/v1/payments/reconciliation?day=soon')).status).toBe(400);
    });
  });
}
