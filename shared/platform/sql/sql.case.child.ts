import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { AppError } from '../../lib/app-error.ts';
import { testRuntime } from '../../runtime/runtime.ts';
import { type CaseTables, MIGRATIONS } from './sql.fixture.ts';
import { openPostgresSql } from './sql.postgres.ts';
import { openSqliteSql } from './sql.sqlite.ts';
import type { Sql } from './sql.ts';

/**
 * The other process of a case: it is raced against, or killed. Says on stdout what was acknowledged
 * to it.
 */
const { technology, service, dir, url, mode, count } = JSON.parse(process.argv[2]!) as {
  technology: string;
  service: string;
  dir: string;
  url: string;
  mode: 'pairs' | 'counter' | 'doctor' | 'open';
  count: number;
};

const input = createInterface({ input: process.stdin });

/** Two rows that only make sense together, again and again until it is killed. */
async function pairs(sql: Sql<CaseTables>): Promise<void> {
  for (let n = 1n; ; n += 1n) {
    await sql.transaction(async (tx) => {
      await tx
        .insertInto('items')
        .values({ id: `${n}`, n, r: null, t: null, b: null })
        .execute();
      await tx
        .insertInto('counters')
        .values({ name: `${n}`, value: n })
        .execute();
    });
    say(`${n}`);
  }
}

/** Reads, then writes what it read plus one. */
async function counter(sql: Sql<CaseTables>): Promise<void> {
  for (let added = 0; added < count; ) {
    try {
      await sql.transaction(async (tx) => {
        const { value } = await tx.selectFrom('counters').select('value').executeTakeFirstOrThrow();
        await tx
          .updateTable('counters')
          .set({ value: value + 1n })
          .execute();
      });
      added += 1;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'SQL_CONTENTION') throw error;
    }
  }
}

/** Goes off duty when another one is on duty; the test lets both look before either leaves. */
async function doctor(sql: Sql<CaseTables>): Promise<void> {
  let looked = false;
  await sql.transaction(async (tx) => {
    const onDuty = await tx.selectFrom('counters').select('name').where('value', '=', 1n).execute();
    if (!looked) {
      looked = true;
      say('looked');
      await once(input, 'line');
    }
    if (onDuty.length < 2) return;
    await tx
      .updateTable('counters')
      .set({ value: 0n })
      .where('name', '=', `doctor ${count}`)
      .execute();
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const rt = testRuntime();
const openSql = technology === 'sqlite' ? openSqliteSql({ dir, rt }) : openPostgresSql({ url, rt });
const sql = await openSql<CaseTables>({ service, migrations: MIGRATIONS });
await { pairs, counter, doctor, open: async () => undefined }[mode](sql);
await sql.close();
input.close();
