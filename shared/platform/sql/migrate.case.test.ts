import type { Transaction } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from './migrate.ts';
import { type CaseTables, CaseWorld, MIGRATIONS, TECHNOLOGIES } from './sql.fixture.ts';
import type { Migration } from './sql.ts';

let world: CaseWorld;

/** Fails when it runs twice, and when 0002 did not run before it. */
const FIRST_COUNTER: Migration = {
  id: '0003-first-counter',
  async up(tx) {
    await counters(tx).insertInto('counters').values({ name: 'first', value: 1n }).execute();
  },
};

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(`migrations of ${title}`, () => {
    beforeEach(() => {
      world = new CaseWorld(technology);
    });
    afterEach(() => world.dispose());
    goodCases();
    badCases();
  });
}

function goodCases(): void {
  it('run once, in order, and again only what is new', async () => {
    await (await world.open()).close();
    for (const _ of [1, 2]) {
      const sql = await world.open({ migrations: [...MIGRATIONS, FIRST_COUNTER] });
      expect(await sql.read((db) => db.selectFrom('counters').selectAll().execute())).toEqual([
        { name: 'first', value: 1n },
      ]);
    }
  });

  it('run once when several processes start at once', async () => {
    const children = [1, 2, 3].map(() => world.start('open', 0));
    const handles = [1, 2, 3].map(() => world.open());
    await Promise.all(handles);
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    const opened = [1, 2, 3, 4].map(() =>
      world.open({ migrations: [...MIGRATIONS, FIRST_COUNTER] }),
    );
    await Promise.all(opened);
  });

  it('may look at what is stored', async () => {
    const renaming: Migration = {
      id: '0004-rename',
      async up(tx) {
        const first = await counters(tx).selectFrom('counters').select('name').executeTakeFirst();
        await counters(tx)
          .updateTable('counters')
          .set({ name: `${first!.name}!` })
          .execute();
      },
    };
    for (const _ of [1, 2]) {
      const sql = await world.open({ migrations: [...MIGRATIONS, FIRST_COUNTER, renaming] });
      const names = sql.read((db) => db.selectFrom('counters').select('name').execute());
      expect(await names).toEqual([{ name: 'first!' }]);
    }
  });
}

function badCases(): void {
  it('leave nothing behind when one fails, which names itself', async () => {
    const failing: Migration = {
      id: '0002-more',
      async up(tx) {
        await tx.schema.createTable('half').addColumn('id', 'text').execute();
        await counters(tx).insertInto('counters').values({ name: 'a', value: 1n }).execute();
      },
    };
    const [items] = MIGRATIONS;
    const opening = world.open({ migrations: [items!, failing] });
    await expect(opening).rejects.toThrow(/migration 0002-more of case-\w+ failed: .*counters/);
    const mended = { ...failing, up: (tx: Transaction<unknown>) => half(tx) };
    await world.open({ migrations: [items!, mended] });
  });

  it('are refused when an applied one was changed, is unknown, or got one before it', async () => {
    await (await world.open()).close();
    const [items, counting] = MIGRATIONS as [Migration, Migration];
    const changed = world.open({ migrations: [items, { id: counting.id, up: half }] });
    await expect(changed).rejects.toThrow(/0002-counters of case-\w+ was changed/);
    const older = world.open({ migrations: [items] });
    await expect(older).rejects.toThrow(/have migration 0002-counters, which this version lacks/);
    const between = { id: '0001-mended', up: half };
    const late = world.open({ migrations: [items, between, counting] });
    await expect(late).rejects.toThrow(/0001-mended of case-\w+ stands before 0002-counters/);
  });

  it('are refused when a column has a type that only one technology knows', async () => {
    const unportable: Migration = {
      id: '0001-unportable',
      up: (tx) => tx.schema.createTable('t').addColumn('at', 'timestamptz').execute(),
    };
    const opening = world.open({ migrations: [unportable] });
    await expect(opening).rejects.toThrow(/0001-unportable of .* timestamptz/);
  });

  it('are refused when they are not sorted', async () => {
    const opening = world.open({ migrations: MIGRATIONS.toReversed() });
    await expect(opening).rejects.toThrow(/0001-items sorts after 0002-counters/);
  });
}

describe('a migration’s fingerprint', () => {
  it('is the same in every version of the product: stored ones would be refused else', async () => {
    const [items, counting] = MIGRATIONS as [Migration, Migration];
    for (const technology of ['sqlite', 'postgres'] as const) {
      expect(await fingerprint(items, technology)).toBe('e48fc96424fcec0b7bb7c94024af65d7');
      expect(await fingerprint(counting, technology)).toBe('c9899cbebc4afe7447d7d300b506c664');
    }
  });
});

function counters(tx: Transaction<unknown>): Transaction<CaseTables> {
  return tx as Transaction<CaseTables>;
}

function half(tx: Transaction<unknown>): Promise<void> {
  return tx.schema.createTable('half').addColumn('id', 'text').execute();
}
