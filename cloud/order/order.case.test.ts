import { clockAhead } from '@holdfast/shared/runtime/clock.ahead.fixture.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChannelEvent } from '../platform/websocket/websocket.ts';
import { eventsOfOrders, expectBooksBalance } from './books.fixture.ts';
import { isTerminal } from './domain/order-states.ts';
import { ORDERS_CHANNEL } from './events/orders-channel.ts';
import {
  CUSTOMER,
  DATABASES,
  dropPlace,
  newPlace,
  OPERATOR,
  type OrderPlace,
  OrderProcess,
} from './order.fixture.ts';
import { clientsOf, type Fate, MemoryPeers } from './peers.fixture.ts';
import { WAIT_MS_MAX } from './saga-runner.ts';
import { claimDue } from './store/leases.ts';

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`an order ${title}`, { timeout: 60_000 }, () => {
    let place: OrderPlace;
    let peers: MemoryPeers;
    const open: OrderProcess[] = [];

    beforeEach(() => {
      place = newPlace(technology);
      peers = new MemoryPeers();
      peers.stock.set('peas', 100n);
    });
    afterEach(async () => {
      for (const process of open.splice(0)) await process.close();
      await dropPlace(place);
    });
    const start = async (
      options: Partial<Parameters<typeof OrderProcess.open>[1]> = {},
    ): Promise<OrderProcess> => {
      const process = await OrderProcess.open(place, { peers: peers.clients(), ...options });
      open.push(process);
      return process;
    };
    const comesTo = (process: OrderProcess, id: string, state: string): Promise<void> =>
      vi.waitFor(
        async () => {
          const { body } = await process.ask({ path: `/v1/orders/${id}`, token: OPERATOR });
          expect(body.state, body.reason).toBe(state);
        },
        { timeout: 20_000, interval: 10 },
      );

    it('is confirmed in at most two transactions, shipped and refunded', async () => {
      let committed = 0;
      const steps = {
        reach: (step: string) => void (/^order\..*\.committed$/.test(step) && committed++),
      };
      const process = await start({ runtime: testRuntime({ steps }) });
      committed = 0;
      const id = await process.place();
      await comesTo(process, id, 'confirmed');
      expect(committed).toBeLessThanOrEqual(2);
      const key = 'ship-1';
      const path = `/v1/orders/${id}`;
      const shipped = await process.ask({
        method: 'POST',
        path: `${path}/shipments`,
        token: OPERATOR,
        key,
      });
      expect(shipped.status).toBe(202);
      expect(shipped.body.order.state).toBe('shipping');
      await comesTo(process, id, 'fulfilled');
      expect([...peers.captures.values()]).toEqual([1]);
      const refunded = await process.ask({
        method: 'POST',
        path: `${path}/refunds`,
        token: OPERATOR,
        key,
        body: { reason: 'returned' },
      });
      expect(refunded.status).toBe(202);
      await comesTo(process, id, 'refunded');
    });

    it('is shown to the staff of its sites from its reservation on', async () => {
      const process = await start();
      const id = await process.place();
      await comesTo(process, id, 'confirmed');
      const partition = process.log.partitionOf('orders', id);
      const audiences = async () =>
        (await process.log.read('orders', partition, 0n, 100)).map(({ headers, value }) => {
          const event = { data: JSON.parse(String(value)) } as ChannelEvent;
          return [headers['ce_type'], ORDERS_CHANNEL.audienceOf(event).sites];
        });
      await expect.poll(audiences).toEqual([
        ['order.placed.v1', []],
        ['order.reserved.v1', ['site-1']],
        ['order.authorised.v1', ['site-1']],
        ['order.confirmed.v1', ['site-1']],
      ]);
    });

    it('goes on when the clock, which was hours ahead, is set back', async () => {
      const clock = clockAhead(7_200_000);
      let lost = 0;
      peers.fateOf = ({ method }) =>
        method === 'reserve' && lost++ < 3 ? 'lost-before' : 'arrives';
      const process = await start({ runtime: testRuntime({ clock }) });
      const id = await process.place();
      await vi.waitFor(() => expect(lost).toBeGreaterThan(0));
      clock.setBack();
      await comesTo(process, id, 'confirmed');
    });

    it('is refused while those before it wait too long for their turn', async () => {
      let passedMs = 0;
      const clock = {
        ...systemClock,
        monotonicMs: () => systemClock.monotonicMs() + passedMs,
      };
      const gate = Promise.withResolvers<void>();
      const slow = clientsOf(async (call) => {
        if (call.method === 'reserve') await gate.promise;
        return peers.answer(call);
      });
      const runtime = testRuntime({ clock });
      const process = await start({ peers: slow, runtime, settings: { concurrency: 1 } });
      const ids = [await process.place(), await process.place()];
      expect(await runtime.metrics.text()).toContain('holdfast_order_waiting 1\n');
      passedMs = WAIT_MS_MAX + 1;
      const refused = process.place();
      await expect(refused).rejects.toThrow(/503.*too many orders wait/);
      gate.resolve();
      for (const id of ids) await comesTo(process, id, 'confirmed');
      await comesTo(process, await process.place(), 'confirmed');
    });

    it('is declined without stock, and nothing is held', async () => {
      const process = await start();
      const id = await process.place({ lines: [{ productId: 'prd_peas', quantity: 101 }] });
      await comesTo(process, id, 'declined');
      expect(peers.taken('peas')).toBe(0n);
      expect(peers.payments.size).toBe(0);
    });

    it('is declined with its payment, and its stock is given back', async () => {
      const process = await start();
      const id = await process.place({ payment: { methodToken: 'tok_declined' } });
      await comesTo(process, id, 'declined');
      expect(peers.taken('peas')).toBe(0n);
    });

    it('is cancelled on request, also while a step is under way', async () => {
      const held = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      const clients = peers.clients();
      const authorise: typeof clients.payment.authorise = async (request, options) => {
        reached.resolve();
        await held.promise;
        return clients.payment.authorise(request, options);
      };
      const payment = new Proxy(clients.payment, {
        get: (target, name) => (name === 'authorise' ? authorise : Reflect.get(target, name)),
      });
      const process = await start({ peers: { ...clients, payment } });
      const id = await process.place();
      await reached.promise;
      const path = `/v1/orders/${id}/cancel`;
      const first = await process.ask({ method: 'POST', path });
      expect(first.status).toBe(202);
      expect((await process.ask({ method: 'POST', path })).status).toBe(202);
      await comesTo(process, id, 'cancelled');
      // The step that was fenced comes late, and finds everything undone.
      held.resolve();
      await open.pop()!.close();
      expect(peers.taken('peas')).toBe(0n);
      expect([...peers.payments.values()].map(({ state }) => state)).toEqual([5]);
    });

    it('is voided and cancelled when nobody ships it in time', async () => {
      const process = await start({ settings: { captureSeconds: 1 } });
      const id = await process.place();
      await comesTo(process, id, 'cancelled');
      expect(peers.taken('peas')).toBe(0n);
    });

    it('is declined and undone when a peer never answers', async () => {
      peers.fateOf = ({ method }) => (method === 'authorise' ? 'lost-after' : 'arrives');
      const process = await start({ settings: { confirmSeconds: 1 } });
      const id = await process.place();
      await comesTo(process, id, 'declined');
      expect(peers.taken('peas')).toBe(0n);
      expect([...peers.payments.values()].map(({ state }) => state)).toEqual([5]);
    });

    it('ends, with peers that answer late, twice and never, and two processes', async () => {
      const random = seededRandom(20_261_122);
      const fates: readonly Fate[] = ['arrives', 'arrives', 'lost-before', 'lost-after', 'twice'];
      peers.fateOf = ({ peer }) =>
        peer === 'product' ? 'arrives' : random.int(9) === 0 ? 'late' : fates[random.int(5)]!;
      peers.stock.set('peas', 25n);
      const settings = { confirmSeconds: 5 };
      const processes = [await start({ settings }), await start({ settings })];
      const ids: string[] = [];
      for (let index = 0; index < 40; index++) {
        const methodToken = index % 10 === 0 ? 'tok_declined' : 'tok_visa';
        ids.push(await processes[index % 2]!.place({ payment: { methodToken } }));
        if (index % 7 === 0) {
          const path = `/v1/orders/${ids[index]}/cancel`;
          await processes[(index + 1) % 2]!.ask({ method: 'POST', path });
        }
        peers.arriveLate();
      }
      await vi.waitFor(
        async () => {
          peers.arriveLate();
          const rows = await processes[0]!.sql.read((db) =>
            db.selectFrom('orders').select('state').execute(),
          );
          const open = rows.filter(
            ({ state }) => state !== 'confirmed' && !isTerminal(state as never),
          );
          expect(open).toEqual([]);
        },
        { timeout: 50_000, interval: 50 },
      );
      peers.arriveLate();
      await expectBooksBalance(processes[0]!.sql, peers);
      expect(await eventsOfOrders(place)).toEqual([]);
    });

    it('is taken up when the lease of its process ran out, by one of two', async () => {
      const process = await start({ settings: { sweepMs: 60_000 } });
      const id = await process.place();
      await comesTo(process, id, 'confirmed');
      await process.sql.transaction((tx) =>
        tx
          .updateTable('orders')
          .set({ state: 'reserved', due_at: 0n, holder: 'dead' })
          .where('id', '=', id)
          .execute(),
      );
      const claiming = { now: 10n, leaseUntil: 20n, countMax: 10 };
      const claims = await Promise.all(
        ['a', 'b'].map((holder) => claimDue(process.sql, { ...claiming, holder })),
      );
      expect(claims.map((claimed) => claimed.length).toSorted()).toEqual([0, 1]);
      expect(claims.flat()[0]!.epoch).toBe(2n);
    });

    it('is put down when its process drains, and another goes on at once', async () => {
      const first = await start();
      let answers = false;
      peers.fateOf = ({ peer }) => (peer === 'product' || answers ? 'arrives' : 'lost-before');
      const id = await first.place();
      await first.close();
      open.splice(0);
      answers = true;
      const second = await start();
      await comesTo(second, id, 'confirmed');
    });

    it('can say why, in causal order', async () => {
      const process = await start();
      const id = await process.place();
      await comesTo(process, id, 'confirmed');
      const { status, body } = await process.ask({ path: `/v1/orders/${id}/why`, token: CUSTOMER });
      expect(status).toBe(200);
      const told = body.story.map((entry: Record<string, unknown>) =>
        [
          entry['kind'],
          entry['action'] ?? entry['call'] ?? entry['operation'] ?? entry['fact'] ?? entry['type'],
        ].join(' '),
      );
      expect(told).toEqual([
        'decision order.place',
        'event order.placed.v1',
        'call reserve',
        'transition reserved',
        'event order.reserved.v1',
        'attempt authorise',
        'call authorise',
        'transition authorised',
        'event order.authorised.v1',
        'call confirm',
        'transition confirmed',
        'event order.confirmed.v1',
        'audit order.confirm',
      ]);
      expect(body.reservation.sites).toEqual(['site-1']);
    });

    it('tells a call to the acquirer that has not ended as under way', async () => {
      const process = await start();
      const id = await process.place();
      await comesTo(process, id, 'confirmed');
      const [payment] = peers.payments.values();
      const begun = { attemptId: 'att_9', operation: 'capture', outcome: '', detail: '' };
      payment!.attempts.push({ ...begun, startedAtMicros: 1_000n, endedAtMicros: 0n });
      const { body } = await process.ask({ path: `/v1/orders/${id}/why`, token: CUSTOMER });
      const at = '1970-01-01T00:00:00.001Z';
      expect(body.story.at(-1)).toMatchObject({
        kind: 'attempt',
        operation: 'capture',
        outcome: 'under_way',
        at,
        endedAt: at,
      });
    });
  });
}
