import { itemOf, type StockMessage } from '@holdfast/shared/contracts/stock-message.ts';
import { freeOf } from '@holdfast/shared/domain/stock-level.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchOf, blockRecord } from '../telemetry/blocks.fixture.ts';
import { handleStock } from './events/stock-consumer.ts';
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

const SECOND_MICROS = 1_000_000;

type Sent = StockMessage | object | Uint8Array;

/** A block of the lane `stock`; each message a second after the one before. */
function stockBlock(messages: readonly Sent[], options: { first?: number; device?: string } = {}) {
  const { first = 1, device = 'scanner-1' } = options;
  const told = messages.map((payload, index) => ({
    device,
    payload,
    atMicros: (first + index) * SECOND_MICROS,
  }));
  return blockRecord(told, { first, lane: 'stock' });
}

const receive = (quantity: number, more: object = {}) => ({
  ...{ kind: 'receive', item: ITEM, quantity },
  ...more,
});

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`the warehouses' movements ${title}`, () => {
    let database: TestDatabase;
    let ledger: TestLedger;

    beforeEach(async () => {
      database = new TestDatabase(technology);
      ledger = await database.open();
    });
    afterEach(() => database.dispose());

    const deliver = (...records: ReturnType<typeof stockBlock>[]) =>
      handleStock(batchOf(records), ledger.consumer);
    const open = () =>
      ledger.sql.read((db) => db.selectFrom('discrepancies').selectAll().execute());
    const parked = () => ledger.sql.read((db) => db.selectFrom('parked').selectAll().execute());

    it('are booked once, however often a block comes', async () => {
      const first = stockBlock([
        receive(30),
        { kind: 'pick', item: ITEM, quantity: 4 },
        { kind: 'transfer', item: ITEM, quantity: 6, toSite: 'site-2' },
      ]);
      const second = stockBlock([{ kind: 'return', item: ITEM, quantity: 1 }], { first: 4 });
      await deliver(first, first);
      await deliver(first, second);
      await deliver(second);
      expect((await ledger.level())?.onHand).toBe(21n);
      expect((await ledger.level(ITEM, 'site-2'))?.onHand).toBe(6n);
      const movements = await ledger.sql.read((db) =>
        db.selectFrom('movements').select(['id', 'site', 'evidence']).orderBy('id').execute(),
      );
      expect(movements.map(({ id }) => id)).toEqual(
        [1, 2, 3, 3, 4].map((sequence) => `gw_1/01a/stock/${sequence}`),
      );
      expect(JSON.parse(movements[0]!.evidence!)).toEqual({ device: 'scanner-1' });
    });

    it('are booked with the longest names that a device and MQTT allow', async () => {
      const item = 'i'.repeat(128);
      const toSite = 's'.repeat(128);
      const messages = [
        { kind: 'receive', item, quantity: 5, movement: 'm'.repeat(128) },
        { kind: 'transfer', item, quantity: 2, toSite },
      ];
      await deliver(stockBlock(messages, { device: 'd'.repeat(10_000) }));
      expect(await parked()).toEqual([]);
      expect((await ledger.level(item))?.onHand).toBe(3n);
      expect((await ledger.level(item, toSite))?.onHand).toBe(2n);
      const by = { actor: 'usr_1' };
      const movement = {
        ...{ id: 'mov_1', site: toSite, item },
        kind: 'adjust',
        quantity: 1n,
      } as const;
      await ledger.desk.run({ kind: 'move', tenant: TENANT, movement, by });
      expect((await ledger.level(item, toSite))?.onHand).toBe(3n);
    });

    it('of two tenants are two aggregates, though site and item have the same names', async () => {
      const movement = {
        id: 'mov_1',
        site: SITE,
        item: ITEM,
        kind: 'receive',
        quantity: 1n,
      } as const;
      for (const tenant of ['one', 'two']) {
        await ledger.desk.run({ kind: 'move', tenant, movement, by: { actor: 'usr_1' } });
      }
      const rows = await ledger.sql.read((db) =>
        db.selectFrom('outbox').select(['subject', 'sequence']).orderBy('subject').execute(),
      );
      const place = `${SITE}/${ITEM}`;
      expect(rows).toEqual([
        { subject: `audit/one/stock/${place}`, sequence: 1n },
        { subject: `audit/two/stock/${place}`, sequence: 1n },
        { subject: `one/${place}`, sequence: 1n },
        { subject: `two/${place}`, sequence: 1n },
      ]);
    });

    it('are known by the device’s own id, also from another incarnation', async () => {
      const message = receive(5, { movement: '17', evidence: { barcode: '4006381333931' } });
      await deliver(stockBlock([message]), stockBlock([message], { first: 2 }));
      await deliver(stockBlock([message], { first: 3, device: 'scanner-2' }));
      expect((await ledger.level())?.onHand).toBe(10n);
    });

    it('count relative to what the ledger held before, whatever came since', async () => {
      await deliver(stockBlock([receive(30), { kind: 'count', item: ITEM, count: 28 }]));
      expect((await ledger.level())?.onHand).toBe(28n);
      // Counted at the tenth second, after one pick and before another, and told last.
      const pick = { kind: 'pick', item: ITEM, quantity: 2 };
      const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
      const messages = [
        { ...pick, ts: at(8) },
        { ...pick, ts: at(20) },
        { kind: 'count', item: ITEM, count: 27, ts: at(10) },
      ];
      await deliver(stockBlock(messages, { first: 31 }));
      expect((await ledger.level())?.onHand).toBe(25n);
      expect(await open()).toEqual([]);
    });

    it('open a discrepancy when they are older than a count that did not see them', async () => {
      await deliver(stockBlock([receive(30)]));
      const { version } = (await ledger.level())!;
      const seen = { onHand: 30, version: Number(version) };
      await deliver(stockBlock([{ kind: 'count', item: ITEM, count: 35, seen }], { first: 20 }));
      const late = receive(5, { ts: '2026-01-01T00:00:05Z' });
      await deliver(stockBlock([late], { first: 21 }));
      expect((await ledger.level())?.onHand).toBe(40n);
      expect(await open()).toMatchObject([
        { reason: 'missed_by_count', difference: -5n, movement_id: 'gw_1/01a/stock/21' },
      ]);
    });

    it('are facts: what leaves against a promise opens a discrepancy', async () => {
      await deliver(stockBlock([receive(10)]));
      await ledger.handlers.reserve(reserving('rsv_1', { quantity: 8n }), CALL);
      await deliver(stockBlock([{ kind: 'pick', item: ITEM, quantity: 5 }], { first: 2 }));
      const level = (await ledger.level())!;
      expect(level).toMatchObject({ onHand: 5n, reserved: 8n });
      expect(freeOf(level)).toBe(0n);
      expect(await open()).toMatchObject([{ reason: 'promised_more', difference: -3n }]);
      const short = await ledger.handlers.reserve(reserving('rsv_2'), CALL);
      expect(short.reservation).toBeUndefined();
    });

    it('that cannot be read are parked and freeze their item, never the lane', async () => {
      const other = receive(7, { item: 'other' });
      const block = stockBlock([
        receive(10),
        { kind: 'receive', item: ITEM, quantity: 'many' },
        Buffer.from('{"kind":'),
        other,
      ]);
      await deliver(block);
      await deliver(block);
      expect(itemOf({ item: ITEM })).toBe(ITEM);
      const rows = await parked();
      expect(
        rows.map(({ reason, item, first_sequence }) => ({ reason, item, first_sequence })),
      ).toEqual([
        { reason: 'message', item: ITEM, first_sequence: 2n },
        { reason: 'message', item: null, first_sequence: 3n },
      ]);
      expect(await ledger.level()).toMatchObject({ onHand: 10n, frozen: 1n });
      expect(freeOf((await ledger.level('other'))!)).toBe(7n);
      const frozen = await ledger.handlers.reserve(reserving('rsv_1'), CALL);
      expect(frozen.shortages).toEqual([{ item: ITEM, wanted: 1n, free: 0n }]);
      const [discrepancy] = await open();
      expect(discrepancy).toMatchObject({ reason: 'unreadable', site: SITE, state: 'open' });
      await ledger.desk.run({
        ...{ kind: 'resolve', tenant: TENANT, note: 'it was 3', by: { actor: 'usr_1' } },
        discrepancyId: discrepancy!.id,
      });
      expect(freeOf((await ledger.level())!)).toBe(10n);
    });

    it('that say another thing of a known id are parked, and the first one stands', async () => {
      await deliver(stockBlock([receive(10, { movement: 'a' }), receive(11, { movement: 'a' })]));
      expect(await ledger.level()).toMatchObject({ onHand: 10n, frozen: 1n });
      expect(await parked()).toMatchObject([{ reason: 'conflict', item: ITEM }]);
    });

    it('in a damaged block are parked as a block', async () => {
      const spoil = { checksum: Buffer.alloc(16) };
      const block = blockRecord([{ payload: receive(1) }], { lane: 'stock', spoil });
      await deliver(block, stockBlock([receive(2)], { first: 2 }));
      expect(await parked()).toMatchObject([{ reason: 'checksum', gateway_id: 'gw_1' }]);
      expect((await ledger.level())?.onHand).toBe(2n);
    });
  });
}
