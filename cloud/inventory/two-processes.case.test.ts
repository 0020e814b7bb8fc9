import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InventoryTask } from './inventory.case.child.ts';
import { DATABASES, TestDatabase, type TestLedger } from './inventory.fixture.ts';

const STOCK = 300;
const CLIENTS = 32;

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`two processes that sell one item ${title}`, { timeout: 60_000 }, () => {
    let database: TestDatabase;
    let ledger: TestLedger;
    const children: ChildProcess[] = [];

    beforeEach(async () => {
      database = new TestDatabase(technology);
      ledger = await database.open();
    });
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await database.dispose();
    });

    const start = async (name: string): Promise<ChildProcess> => {
      const file = join(import.meta.dirname, 'inventory.case.child.ts');
      const { place } = database;
      const task: InventoryTask = { place, mode: 'sell', name, clients: CLIENTS };
      const child = fork(file, [JSON.stringify(task)]);
      children.push(child);
      await once(child, 'message');
      return child;
    };

    it('sell all of it, and at no moment more than there is', async () => {
      await ledger.receive(BigInt(STOCK));
      const sellers = await Promise.all(['a', 'b'].map(start));
      const results = Promise.all(sellers.map((child) => once(child, 'message')));
      for (const child of sellers) child.send('go');
      let isOver = false;
      const watching = (async () => {
        while (!isOver) {
          const level = (await ledger.level())!;
          expect(level.onHand).toBe(BigInt(STOCK));
          expect(level.sold + level.reserved).toBeLessThanOrEqual(BigInt(STOCK));
          // The children need the machine more.
          await systemClock.sleep(5);
        }
      })();
      const told = (await results) as { sold: number }[][];
      isOver = true;
      await watching;
      const sold = told.map(([message]) => message!.sold);
      expect(sold.reduce((sum, own) => sum + own, 0)).toBe(STOCK);
      // Neither was kept out by the other.
      for (const own of sold) expect(own).toBeGreaterThan(0);
      expect(await ledger.level()).toMatchObject({ sold: BigInt(STOCK), reserved: 0n });
    });
  });
}
