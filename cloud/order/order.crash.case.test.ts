import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { firstStopped, wakeAndDrain } from '@holdfast/shared/runtime/halt.fixture.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventsOfOrders, expectBooksBalance } from './books.fixture.ts';
import { isTerminal } from './domain/order-states.ts';
import type { OrderTask, ToProcess, ToSuite } from './order.case.child.ts';
import { DATABASES, dropPlace, newPlace, type OrderPlace, openerOf } from './order.fixture.ts';
import { MemoryPeers } from './peers.fixture.ts';
import { ORDER_TABLES } from './store/migrations.ts';
import type { OrderTables } from './store/tables.ts';

/** Where a kill leaves an effect without its record, or a record without what follows. */
const STEPS: Readonly<Record<Technology, readonly string[]>> = {
  sqlite: [
    'order.placed.committed',
    'order.reserve.answered',
    'order.authorise.answered',
    'order.confirm.answered',
    'order.release.answered',
  ],
  postgres: [
    'order.reserve.before',
    'order.authorise.answered',
    'order.payment-declined.committed',
    'order.confirmed.committed',
    'order.undone-declined.committed',
  ],
};
/** Where one that wakes up goes on with what another has ended meanwhile. */
const STANDSTILLS: Readonly<Record<Technology, readonly string[]>> = {
  sqlite: ['order.reserve.before', 'order.authorise.answered', 'order.release.answered'],
  // In the last one it holds locks of a transaction, which PostgreSQL ends after a while.
  postgres: ['order.reserve.before', 'order.authorise.answered', 'order.confirmed.committed'],
};
const ORDERS = 9;

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`orders, killed, ${title}`, { timeout: 60_000 }, () => {
    let place: OrderPlace;
    let peers: MemoryPeers;
    let sql: Sql<OrderTables>;
    const children: ChildProcess[] = [];

    beforeEach(async () => {
      place = newPlace(technology);
      peers = new MemoryPeers();
      peers.stock.set('peas', 8n);
      sql = await openerOf(place, testRuntime())<OrderTables>(ORDER_TABLES);
    });
    afterEach(async () => {
      for (const child of children.splice(0)) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      await sql.close();
      await dropPlace(place);
    });

    const start = async (haltAt?: OrderTask['haltAt']): Promise<ChildProcess> => {
      const task: OrderTask = { place, ...(haltAt && { haltAt }) };
      const file = join(import.meta.dirname, 'order.case.child.ts');
      const child = fork(file, [JSON.stringify(task)], { serialization: 'advanced' });
      children.push(child);
      const ready = Promise.withResolvers<void>();
      child.on('message', (message: ToSuite) => {
        if (message.kind === 'ready') ready.resolve();
        else void answer(child, message);
      });
      await ready.promise;
      return child;
    };
    const answer = async (
      child: ChildProcess,
      { number, call }: Extract<ToSuite, { kind: 'call' }>,
    ): Promise<void> => {
      try {
        tell(child, { kind: 'answer', number, answer: await peers.answer(call) });
      } catch (cause) {
        if (!(cause instanceof AppError)) throw cause;
        tell(child, { kind: 'failure', number, code: cause.code });
      }
    };
    const load = (child: ChildProcess): void => {
      for (let index = 0; index < ORDERS; index++) {
        const methodToken = index % 4 === 0 ? 'tok_declined' : 'tok_visa';
        tell(child, { kind: 'place', key: `key-${index}`, methodToken });
      }
    };
    const settled = (countMin = 1): Promise<void> =>
      vi.waitFor(
        async () => {
          const rows = await sql.read((db) => db.selectFrom('orders').select('state').execute());
          expect(rows.length).toBeGreaterThanOrEqual(countMin);
          const open = rows.filter(
            ({ state }) => state !== 'confirmed' && !isTerminal(state as 'placed'),
          );
          expect(open).toEqual([]);
          const left = await sql.read((db) => db.selectFrom('outbox').select('id').execute());
          expect(left).toEqual([]);
        },
        { timeout: 50_000, interval: 50 },
      );

    it.each(STEPS[technology])(
      'at %s: every order ends, and nothing is held or paid twice',
      async (step) => {
        const [victim] = await Promise.all([start({ step, count: 2 }), start()]);
        const gone = once(victim, 'exit');
        load(victim);
        expect((await gone)[1]).toBe('SIGKILL');
        await settled();
        await expectBooksBalance(sql, peers);
        expect(await eventsOfOrders(place)).toEqual([]);
      },
    );

    it.each(STANDSTILLS[technology])(
      'at %s by a standstill longer than the lease: nothing is done twice by who wakes',
      async (step) => {
        const [victim] = await Promise.all([start({ step, count: 2, signal: 'SIGSTOP' }), start()]);
        load(victim);
        await firstStopped([victim]);
        await settled();
        victim.kill('SIGCONT');
        await settled(ORDERS);
        await wakeAndDrain(victim);
        await settled(ORDERS);
        await expectBooksBalance(sql, peers);
        expect(await eventsOfOrders(place)).toEqual([]);
      },
    );
  });
}

function tell(child: ChildProcess, message: ToProcess): void {
  // One that was killed hears nothing; that is what the suite is about.
  if (child.connected) child.send(message, () => undefined);
}
