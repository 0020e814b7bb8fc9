import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CaseWorld, TECHNOLOGIES } from './sql.fixture.ts';

let world: CaseWorld;

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(`a killed process, ${title}`, () => {
    beforeEach(() => {
      world = new CaseWorld(technology);
    });
    afterEach(() => world.dispose());

    it('keeps every resolved transaction, and none in part', { timeout: 60_000 }, async () => {
      let least = 0;
      for (const wanted of [1, 20, 100]) {
        const child = world.start('pairs', 0);
        await expect.poll(() => child.lines.length, POLL).toBeGreaterThanOrEqual(wanted);
        // Wherever it is now: between two statements, before its commit, or after it.
        child.kill();
        expect(await child.ended).toBeUndefined();
        least = Number(child.lines.at(-1));

        const sql = await world.open();
        const items = await sql.read((db) =>
          db.selectFrom('items').select('n').orderBy('n').execute(),
        );
        const counters = await sql.read((db) =>
          db.selectFrom('counters').select('value').orderBy('value').execute(),
        );
        expect(items.length).toBeGreaterThanOrEqual(least);
        expect(items.length).toBeLessThanOrEqual(least + 1);
        expect(counters.map(({ value }) => value)).toEqual(items.map(({ n }) => n));
        await sql.transaction(async (tx) => {
          await tx.deleteFrom('items').execute();
          await tx.deleteFrom('counters').execute();
        });
        await sql.close();
      }
    });
  });
}

const POLL = { timeout: 15_000, interval: 1 };
