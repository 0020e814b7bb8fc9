import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CALL,
  DATABASES,
  ITEM,
  reserving,
  SITE,
  TestDatabase,
  type TestLedger,
} from './inventory.fixture.ts';

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`watching ${title}`, () => {
    let database: TestDatabase;
    let ledger: TestLedger;

    beforeEach(async () => {
      database = new TestDatabase(technology);
      ledger = await database.open();
    });
    afterEach(() => database.dispose());

    const watch = (items: string[], signal: AbortSignal) =>
      ledger.handlers.watch({ items, site: '' }, { ...CALL, signal })[Symbol.asyncIterator]();

    it('gives the present levels, then each change after its commit', async () => {
      await ledger.receive(5n);
      await ledger.receive(7n, { item: 'other' });
      const ending = new AbortController();
      const answers = watch([ITEM], ending.signal);
      const next = async () => (await answers.next()).value?.levels;
      expect(await next()).toMatchObject([{ item: ITEM, site: SITE, onHand: 5n, version: 1n }]);
      await ledger.handlers.reserve(reserving('rsv_1'), CALL);
      expect(await next()).toMatchObject([{ reserved: 1n, free: 4n, version: 2n }]);
      await ledger.receive(1n, { item: 'other' });
      await ledger.handlers.confirm({ reservationId: 'rsv_1' }, CALL);
      expect(await next()).toMatchObject([{ item: ITEM, sold: 1n, version: 3n }]);
      ending.abort();
      expect((await answers.next()).done).toBe(true);
    });

    it('sees what another process changed', async () => {
      const other = await database.open();
      const answers = watch([], new AbortController().signal);
      expect((await answers.next()).value).toEqual({ levels: [] });
      await other.receive(9n);
      expect((await answers.next()).value?.levels).toMatchObject([{ item: ITEM, onHand: 9n }]);
    });

    it('shows no level of another tenant', async () => {
      const ending = new AbortController();
      const scope = { tenant: 'other', actor: 'svc' };
      const call = { ...CALL, scope, signal: ending.signal };
      const answers = ledger.handlers.watch({ items: [], site: '' }, call)[Symbol.asyncIterator]();
      await ledger.receive(9n);
      expect((await answers.next()).value).toEqual({ levels: [] });
      const more = answers.next();
      await ledger.receive(1n);
      ending.abort();
      expect((await more).done).toBe(true);
    });
  });
}
