import type { Transaction } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CaseTables, CaseWorld, TECHNOLOGIES } from './sql.fixture.ts';
import type { Sql } from './sql.ts';
import { statement } from './statement.ts';

type Item = CaseTables['items'];

let world: CaseWorld;
let sql: Sql<CaseTables>;
let builtCount = 0;

const insert = statement<CaseTables, { readonly rows: readonly Item[]; readonly text: string }>()(
  (db, { rows, text }) => {
    builtCount += 1;
    return db
      .insertInto('items')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ t: text }))
      .returning(['id', 't']);
  },
);
const find = statement<CaseTables, { readonly ids: readonly string[]; readonly above: bigint }>()(
  (db, { ids, above }) =>
    db
      .selectFrom('items')
      .selectAll()
      .where('id', 'in', ids)
      .where('n', '>', above)
      .where('r', '=', 0.5)
      .orderBy('id'),
);
const rename = statement<CaseTables, { readonly id: string; readonly t: string | null }>()(
  (db, { id, t }) => db.updateTable('items').set({ t }).where('id', '=', id),
);

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(`a statement, ${title}`, () => {
    beforeEach(async () => {
      world = new CaseWorld(technology);
      sql = await world.open();
    });
    afterEach(() => world.dispose());
    cases();
  });
}

function cases(): void {
  it('takes values, lists and rows, with what it was built with in between', async () => {
    const rows = [item('a', 1n), item('b', 2n), item('c', 3n)];
    const given = await sql.transaction((tx) => insert.all(tx, { rows, text: 'again' }));
    expect(given).toEqual(rows.map(({ id, t }) => ({ id, t })));
    const found = await sql.read((db) => find.all(db, { ids: ['a', 'c', 'none'], above: 1n }));
    expect(found).toEqual([rows[2]]);
  });

  it('is built once for each length of its lists, and never keeps a value', async () => {
    await sql.transaction((tx) => insert.all(tx, { rows: [item('a', 1n)], text: 'x' }));
    const before = builtCount;
    const again = await sql.transaction(async (tx) => [
      ...(await insert.all(tx, { rows: [item('a', 9n)], text: 'first' })),
      ...(await insert.all(tx, { rows: [item('b', 9n)], text: 'second' })),
      ...(await insert.all(tx, { rows: [item('b', 9n)], text: 'third' })),
    ]);
    expect(again.map(({ t }) => t)).toEqual(['first', 'text of b', 'third']);
    expect(builtCount).toBe(before);
  });

  it('tells how many rows it changed, and stores null as null', async () => {
    await sql.transaction((tx) => insert.all(tx, { rows: [item('a', 1n)], text: 'x' }));
    const changed = await sql.transaction(async (tx) => [
      await rename.run(tx, { id: 'a', t: null }),
      await rename.run(tx, { id: 'none', t: null }),
    ]);
    expect(changed).toEqual([1n, 0n]);
    const [found] = await sql.read((db) => find.all(db, { ids: ['a'], above: 0n }));
    expect(found?.t).toBeNull();
  });

  it('refuses rows that are not alike, and a parameter that is absent', async () => {
    const other = { id: 'b' } as Item;
    const mixed = (tx: Transaction<CaseTables>) =>
      insert.all(tx, { rows: [item('a', 1n), other], text: 'x' });
    await expect(sql.transaction(mixed)).rejects.toThrow('the rows of rows are alike');
    const absent = { id: 'a', t: undefined } as unknown as { id: string; t: string };
    await expect(sql.transaction((tx) => rename.run(tx, absent))).rejects.toThrow('undefined');
  });
}

function item(id: string, n: bigint): Item {
  return { id, n, r: 0.5, t: `text of ${id}`, b: null };
}
