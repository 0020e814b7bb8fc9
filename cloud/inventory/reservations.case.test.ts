import { ReservationState } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { freeOf } from '@holdfast/shared/domain/stock-level.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExpiry, EXPIRED_TOGETHER_MAX } from './expiry.ts';
import {
  CALL,
  DATABASES,
  ITEM,
  reserving,
  SITE,
  TENANT,
  TestDatabase,
  type TestLedger,
} from './inventory.fixture.ts';

const HELD = ReservationState.RESERVATION_STATE_HELD;
const CONFIRMED = ReservationState.RESERVATION_STATE_CONFIRMED;
const PICKED = ReservationState.RESERVATION_STATE_PICKED;
const RELEASED = ReservationState.RESERVATION_STATE_RELEASED;
const HOUR_MS = 3_600_000;

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`reservations ${title}`, { timeout: 60_000 }, () => {
    const clock = simulatedClock(Date.UTC(2026, 0, 1));
    let database: TestDatabase;
    let ledger: TestLedger;

    beforeEach(async () => {
      database = new TestDatabase(technology);
      // Waiting is real; only what the ledger writes down is not.
      const now = { now: clock.now, nowMicros: clock.nowMicros };
      ledger = await database.open(testRuntime({ clock: { ...systemClock, ...now } }));
    });
    afterEach(() => database.dispose());

    const level = async (item = ITEM, site = SITE) => {
      const found = await ledger.level(item, site);
      const { onHand, reserved, sold } = found!;
      return { onHand, reserved, sold, free: freeOf(found!) };
    };
    const eventsOf = async (subject: string): Promise<readonly unknown[]> => {
      const rows = await ledger.sql.read((db) =>
        db.selectFrom('outbox').selectAll().where('subject', '=', subject).orderBy('id').execute(),
      );
      expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, i) => BigInt(i + 1)));
      return rows.map(({ value }) => JSON.parse(Buffer.from(value).toString()));
    };

    it('goes from on hand to reserved to sold to gone, each change with its event', async () => {
      await ledger.receive(10n);
      const { handlers } = ledger;
      const reserved = await handlers.reserve(reserving('rsv_1', { quantity: 3n }), CALL);
      expect(reserved.reservation).toMatchObject({
        state: HELD,
        lines: [{ item: ITEM, quantity: 3n, site: SITE }],
      });
      expect(await level()).toEqual({ onHand: 10n, reserved: 3n, sold: 0n, free: 7n });
      const confirmed = await handlers.confirm({ reservationId: 'rsv_1' }, CALL);
      expect(confirmed.reservation?.state).toBe(CONFIRMED);
      expect(await level()).toEqual({ onHand: 10n, reserved: 0n, sold: 3n, free: 7n });
      for (let time = 0; time < 2; time++) {
        const picked = await handlers.pick({ reservationId: 'rsv_1' }, CALL);
        expect(picked.reservation?.state).toBe(PICKED);
        expect(await level()).toEqual({ onHand: 7n, reserved: 0n, sold: 0n, free: 7n });
      }
      const causes = (await eventsOf(`${TENANT}/${SITE}/${ITEM}`)) as {
        cause: object;
        version: number;
      }[];
      expect(causes.map(({ cause }) => cause)).toEqual([
        { kind: 'receive', id: expect.any(String) },
        { kind: 'reserve', id: 'rsv_1' },
        { kind: 'confirm', id: 'rsv_1' },
        { kind: 'pick', id: 'rsv_1/0' },
      ]);
      expect(causes.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    });

    it('takes all lines or none, and says what is short', async () => {
      await ledger.receive(5n);
      await ledger.receive(1n, { item: 'other' });
      const line = (item: string, quantity: bigint) => ({ item, quantity, site: '' });
      const lines = [line(ITEM, 3n), line('other', 2n), line(ITEM, 3n), line('unknown', 1n)];
      const request = { reservationId: 'rsv_1', orderId: 'ord_1', lines, holdSeconds: 60 };
      expect(await ledger.handlers.reserve(request, CALL)).toEqual({
        reservation: undefined,
        shortages: [
          { item: 'other', wanted: 2n, free: 1n },
          { item: ITEM, wanted: 3n, free: 2n },
          { item: 'unknown', wanted: 1n, free: 0n },
        ],
      });
      expect(await level()).toEqual({ onHand: 5n, reserved: 0n, sold: 0n, free: 5n });
    });

    it('chooses one site that can give the whole line', async () => {
      await ledger.receive(3n, { site: 'site-a' });
      await ledger.receive(4n, { site: 'site-b' });
      const first = await ledger.handlers.reserve(reserving('rsv_1', { quantity: 4n }), CALL);
      expect(first.reservation?.lines[0]?.site).toBe('site-b');
      const named = reserving('rsv_2', { quantity: 4n, site: 'site-a' });
      const second = await ledger.handlers.reserve(named, CALL);
      expect(second.shortages).toEqual([{ item: ITEM, wanted: 4n, free: 3n }]);
    });

    it('answers the same id as the first time, and refuses it with another content', async () => {
      await ledger.receive(10n);
      const { handlers } = ledger;
      const request = reserving('rsv_1', { quantity: 3n });
      const first = await handlers.reserve(request, CALL);
      expect(await handlers.reserve(request, CALL)).toEqual(first);
      await expect(
        handlers.reserve(reserving('rsv_1', { quantity: 4n }), CALL),
      ).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await handlers.release({ reservationId: 'rsv_1', reason: '' }, CALL);
      const late = await handlers.reserve(request, CALL);
      expect(late.reservation).toMatchObject({ state: RELEASED, lines: [{ quantity: 3n }] });
      expect(await level()).toEqual({ onHand: 10n, reserved: 0n, sold: 0n, free: 10n });
      expect(await eventsOf('rsv_1')).toEqual([
        { reservationId: 'rsv_1', orderId: 'ord_rsv_1', reason: 'released' },
      ]);
    });

    it('remembers a Release that comes before its Reserve', async () => {
      await ledger.receive(10n);
      const release = { reservationId: 'rsv_1', reason: 'cancelled' };
      const ended = await ledger.handlers.release(release, CALL);
      expect(ended.reservation?.state).toBe(RELEASED);
      const late = await ledger.handlers.reserve(reserving('rsv_1'), CALL);
      expect(late.reservation).toMatchObject({ state: RELEASED, lines: [] });
      expect((await level()).free).toBe(10n);
    });

    it('gives sold goods back, but not picked ones', async () => {
      await ledger.receive(10n);
      const { handlers } = ledger;
      for (const reservationId of ['rsv_1', 'rsv_2']) {
        await handlers.reserve(reserving(reservationId, { quantity: 2n }), CALL);
        await handlers.confirm({ reservationId }, CALL);
      }
      await handlers.pick({ reservationId: 'rsv_2' }, CALL);
      await handlers.release({ reservationId: 'rsv_1', reason: '' }, CALL);
      expect(await level()).toEqual({ onHand: 8n, reserved: 0n, sold: 0n, free: 8n });
      for (const _ of ['first', 'repeat']) {
        await expect(
          handlers.release({ reservationId: 'rsv_2', reason: '' }, CALL),
        ).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      }
      const found = await ledger.sql.read((db) =>
        db.selectFrom('discrepancies').selectAll().execute(),
      );
      expect(found).toMatchObject([
        { reason: 'picked_unsold', difference: 2n, movement_id: 'rsv_2/0', state: 'open' },
      ]);
    });

    it('another tenant finds nothing', async () => {
      await ledger.receive(10n);
      await ledger.handlers.reserve(reserving('rsv_1'), CALL);
      const elsewhere = { ...CALL, scope: { tenant: 'other', actor: 'svc' } };
      await expect(
        ledger.handlers.confirm({ reservationId: 'rsv_1' }, elsewhere),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const short = await ledger.handlers.reserve(reserving('rsv_2'), elsewhere);
      expect(short.shortages).toEqual([{ item: ITEM, wanted: 1n, free: 0n }]);
      const levels = await ledger.handlers.getLevels({ items: [ITEM], site: '' }, elsewhere);
      expect(levels.levels).toEqual([]);
    });

    it('expires what is held too long in bounded steps, and refuses a late Confirm', async () => {
      await ledger.receive(1_000n);
      const { handlers, sql, desk } = ledger;
      const count = EXPIRED_TOGETHER_MAX + 10;
      const ids = Array.from({ length: count }, (_, index) => `rsv_${index}`);
      await Promise.all(ids.map((id) => handlers.reserve(reserving(id), CALL)));
      await handlers.confirm({ reservationId: 'rsv_0' }, CALL);
      clock.advance(HOUR_MS);
      await expect(handlers.confirm({ reservationId: 'rsv_1' }, CALL)).rejects.toMatchObject({
        code: 'STATE_CONFLICT',
        message: /is expired/,
      });
      expect((await level()).reserved).toBe(BigInt(count - 2));
      const now = { now: clock.now, nowMicros: clock.nowMicros };
      const runtime = testRuntime({ clock: { ...systemClock, ...now } });
      const expiry = createExpiry({ sql, desk, runtime, everyMs: 1_000 });
      expect(await expiry.sweep()).toBe(EXPIRED_TOGETHER_MAX);
      expect(await expiry.sweep()).toBe(count - 2 - EXPIRED_TOGETHER_MAX);
      expect(await expiry.sweep()).toBe(0);
      expect(await level()).toEqual({ onHand: 1_000n, reserved: 0n, sold: 1n, free: 999n });
      expect(await eventsOf('rsv_7')).toEqual([
        { reservationId: 'rsv_7', orderId: 'ord_rsv_7', reason: 'expired' },
      ]);
    });

    it('sells a stock of 30 to 64 clients to the last one, and never more', async () => {
      await ledger.receive(30n);
      const random = seededRandom(30);
      const seen: bigint[] = [];
      let sold = 0;
      let isOver = false;
      const client = async (name: number): Promise<void> => {
        for (let attempt = 0; sold < 30 && attempt < 2_000; attempt++) {
          const reservationId = `rsv_${name}_${attempt}`;
          const { reservation } = await ledger.handlers.reserve(reserving(reservationId), CALL);
          if (!reservation) continue;
          // A tenth is given back, as when a payment is declined.
          if (random.int(10) === 0) {
            await ledger.handlers.release({ reservationId, reason: 'declined' }, CALL);
            continue;
          }
          await ledger.handlers.confirm({ reservationId }, CALL);
          sold += 1;
        }
      };
      const watch = async (): Promise<void> => {
        while (!isOver) {
          const now = await level();
          seen.push(now.sold + now.reserved + now.free);
          // Reading must not keep the clients from their turns.
          await systemClock.sleep(1);
        }
      };
      const watching = watch();
      await Promise.all(Array.from({ length: 64 }, (_, name) => client(name)));
      isOver = true;
      await watching;
      expect(new Set(seen)).toEqual(new Set([30n]));
      expect(sold).toBe(30);
      expect(await level()).toEqual({ onHand: 30n, reserved: 0n, sold: 30n, free: 0n });
    });

    it('fails a command that cannot be stored alone, not its neighbours', async () => {
      await ledger.receive(5n);
      const { desk } = ledger;
      const wrong = desk.run({ kind: 'confirm', tenant: TENANT, reservationId: 'a\0b' });
      const right = ledger.handlers.reserve(reserving('rsv_1'), CALL);
      await expect(wrong).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      expect((await right).reservation?.state).toBe(HELD);
    });
  });
}
