import { sql as raw } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CaseTables, CaseWorld, MIGRATIONS, TECHNOLOGIES } from './sql.fixture.ts';
import type { Reader, Sql } from './sql.ts';
import { StatementNames } from './statement-names.postgres.ts';

const { title, skip } = TECHNOLOGIES[1]!;

describe('the names of statements', () => {
  it('are given to a text that comes twice', () => {
    const names = new StatementNames();
    expect(names.nameOf('select 1')).toBeUndefined();
    const name = names.nameOf('select 1');
    expect(name).toBeTypeOf('string');
    expect(names.nameOf('select 1')).toBe(name);
  });

  it('are as many as their limit', () => {
    const names = new StatementNames();
    const texts = Array.from({ length: 2000 }, (_, index) => `select ${index}`);
    const given = texts.flatMap((text) => [names.nameOf(text), names.nameOf(text)]);
    expect(new Set(given.filter((name) => name !== undefined)).size).toBe(256);
    expect(names.nameOf('select 0')).toBeTypeOf('string');
  });

  it('are all new after the server refused one of them, and dropped once', () => {
    const names = new StatementNames();
    const nameOf = (text: string) => names.nameOf(text) ?? names.nameOf(text)!;
    const [one, two] = [nameOf('select 1'), nameOf('select 2')];
    names.dropAll('select 1', one);
    names.dropAll('select 2', two);
    expect(names.generation).toBe(1);
    expect([one, two]).not.toContain(nameOf('select 1'));
    expect([one, two]).not.toContain(nameOf('select 2'));
  });
});

describe.skipIf(skip)(`prepared statements, ${title}`, () => {
  let world: CaseWorld;
  let sql: Sql<CaseTables>;
  beforeEach(async () => {
    world = new CaseWorld('postgres');
    sql = await world.open();
  });
  afterEach(() => world.dispose());

  it('give what the tables have after a migration by another process', async () => {
    await sql.transaction((tx) => tx.insertInto('counters').values(COUNTER).execute());
    const all = (db: Reader<CaseTables>) => db.selectFrom('counters').selectAll().execute();
    const atOnce = () =>
      Promise.all([
        ...Array.from({ length: 10 }, () => sql.read(all)),
        ...Array.from({ length: 10 }, () => sql.transaction(all)),
      ]);
    // Often enough that each connection has prepared it, and replaced its plan by a generic one.
    for (let round = 0; round < 5; round += 1) await atOnce();
    expect(await prepared()).toContain('select * from "counters"');
    await world.open({ migrations: [...MIGRATIONS, ADD_COLUMN] });
    const rows = (await atOnce()).flat();
    expect(rows).toEqual(rows.map(() => ({ ...COUNTER, note: null })));
  });

  it('that the server lost are prepared again', async () => {
    const work = (tx: Reader<CaseTables>) => tx.selectFrom('counters').selectAll().execute();
    for (let round = 0; round < 3; round += 1) await sql.transaction(work);
    await sql.transaction((tx) => raw`deallocate all`.execute(tx));
    expect(await sql.transaction(work)).toEqual([]);
    expect(await sql.read(work)).toEqual([]);
  });

  it('look rows up by their index also when their plan is made for a small table', async () => {
    await sql.transaction(async (tx) => {
      await tx.insertInto('counters').values(COUNTER).execute();
      await raw`analyze counters`.execute(tx);
    });
    const get = (tx: Reader<CaseTables>) =>
      tx.selectFrom('counters').select('value').where('name', '=', 'c');
    const plan = await sql.transaction((tx) => {
      const { sql: text } = get(tx).compile();
      return raw<object>`explain ${raw.raw(text.replace('$1', "'c'"))}`.execute(tx);
    });
    expect(JSON.stringify(plan.rows)).toMatch(/Index/);
  });

  async function prepared(): Promise<string[]> {
    const found = raw<{ statement: string }>`select statement from pg_prepared_statements`;
    const { rows } = await sql.transaction((tx) => found.execute(tx));
    return rows.map(({ statement }) => statement);
  }
});

const COUNTER = { name: 'c', value: 1n };

const ADD_COLUMN = {
  id: '0003-note',
  async up(tx: Parameters<(typeof MIGRATIONS)[0]['up']>[0]) {
    await tx.schema.alterTable('counters').addColumn('note', 'text').execute();
  },
};
