import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  DummyDriver,
  PostgresAdapter,
  PostgresIntrospector,
  sql,
  type Transaction,
} from 'kysely';
import { expect, it } from 'vitest';
import { PostgresCompiler, SqliteCompiler } from './column-types.ts';
import { transactionOn } from './work.ts';

it('makes each table STRICT on SQLite, also one with options of its own', async () => {
  expect(await compiled(new SqliteCompiler(), notes)).toBe(
    'create table "notes" ("id" text primary key, "at" integer, "size" real, "body" blob) strict',
  );
  const withoutRowid = (tx: Transaction<unknown>) =>
    tx.schema
      .createTable('notes')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .modifyEnd(sql`without rowid`)
      .execute();
  expect(await compiled(new SqliteCompiler(), withoutRowid)).toBe(
    'create table "notes" ("id" text primary key) without rowid, strict',
  );
});

it('makes each text column of PostgreSQL sort by bytes, whatever the locale', async () => {
  expect(await compiled(new PostgresCompiler(), notes)).toBe(
    'create table "notes" ("id" text collate "C" primary key, "at" bigint, ' +
      '"size" double precision, "body" bytea)',
  );
  const more = (tx: Transaction<unknown>) =>
    tx.schema.alterTable('notes').addColumn('title', 'text').execute();
  expect(await compiled(new PostgresCompiler(), more)).toBe(
    'alter table "notes" add column "title" text collate "C"',
  );
});

it('translates the type of a cast too, which has no collation', async () => {
  const cast = (tx: Transaction<unknown>) =>
    tx.selectNoFrom((eb) => eb.cast(eb.val('1'), 'text').as('one')).execute();
  expect(await compiled(new PostgresCompiler(), cast)).toBe('select cast($1 as text) as "one"');
});

function notes(tx: Transaction<unknown>): Promise<unknown> {
  return tx.schema
    .createTable('notes')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint')
    .addColumn('size', 'real')
    .addColumn('body', 'blob')
    .execute();
}

async function compiled(
  compiler: SqliteCompiler | PostgresCompiler,
  work: (tx: Transaction<unknown>) => Promise<unknown>,
): Promise<string> {
  const statements: string[] = [];
  const connection = {
    async executeQuery(query: CompiledQuery) {
      statements.push(query.sql);
      return { rows: [] };
    },
  } as unknown as DatabaseConnection;
  const dialect: Dialect = {
    createDriver: () => new DummyDriver(),
    createQueryCompiler: () => compiler,
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
  await work(transactionOn<unknown>({ dialect }, connection));
  return statements.join('; ');
}
