import { createServer } from 'node:net';
import { sql as raw } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testRuntime } from '../../runtime/runtime.ts';
import { type CaseTables, CaseWorld, TECHNOLOGIES } from './sql.fixture.ts';
import { openPostgresSql } from './sql.postgres.ts';
import type { Sql } from './sql.ts';

const { title, skip } = TECHNOLOGIES[1]!;
let world: CaseWorld;
let sql: Sql<CaseTables>;

const CONFLICT = raw`do $$ begin raise exception using errcode = '40001'; end $$`;

describe.skipIf(skip)(`races, ${title}`, () => {
  beforeEach(open);
  afterEach(() => world.dispose());

  it('lose no update between two processes', { timeout: 60_000 }, async () => {
    await put({ c: 0n });
    const children = [world.start('counter', 50), world.start('counter', 50)];
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(await values()).toEqual([100n]);
  });

  it('let no write skew through: one doctor stays on duty', { timeout: 60_000 }, async () => {
    await put({ 'doctor 1': 1n, 'doctor 2': 1n });
    const doctors = [world.start('doctor', 1), world.start('doctor', 2)];
    const looked = () => doctors.map(({ lines }) => lines.length);
    await expect.poll(looked, { timeout: 15_000 }).toEqual([1, 1]);
    for (const doctor of doctors) doctor.tell('go');
    expect(await Promise.all(doctors.map(({ ended }) => ended))).toEqual([0, 0]);
    expect((await values()).toSorted()).toEqual([0n, 1n]);
  });

  it('run work again, which leaves only its last run', async () => {
    await put({ c: 0n });
    const looked = Promise.withResolvers<void>();
    const overtaken = looked.promise.then(() =>
      sql.transaction((tx) => tx.updateTable('counters').set({ value: 10n }).execute()),
    );
    let runs = 0;
    await sql.transaction(async (tx) => {
      runs += 1;
      const { value } = await tx.selectFrom('counters').select('value').executeTakeFirstOrThrow();
      looked.resolve();
      await overtaken;
      await tx
        .updateTable('counters')
        .set({ value: value + 1n })
        .execute();
    });
    expect(runs).toBe(2);
    expect(await values()).toEqual([11n]);
  });

  it('run work again when any statement of several at once met a conflict', async () => {
    let runs = 0;
    await sql.transaction(async (tx) => {
      runs += 1;
      const put = (name: string) => tx.insertInto('counters').values({ name, value: 1n }).execute();
      const conflict = runs === 1 ? CONFLICT.execute(tx) : undefined;
      await Promise.all([put('a'), conflict, put('b')]);
    });
    expect(runs).toBe(2);
    expect(await values()).toEqual([1n, 1n]);
  });

  it('end with SQL_CONTENTION after twelve retries, also when work hid the conflict', async () => {
    let runs = 0;
    const losing = sql.transaction(async (tx) => {
      runs += 1;
      await CONFLICT.execute(tx).catch((cause) => {
        throw new Error('hidden', { cause });
      });
    });
    await expect(losing).rejects.toMatchObject({ code: 'SQL_CONTENTION', retry: 'now' });
    expect(runs).toBe(13);
  });
});

describe.skipIf(skip)(`failures, ${title}`, () => {
  beforeEach(open);
  afterEach(() => world.dispose());

  it('of durability are found when a connection opens', async () => {
    const weak = world.open({ query: '?options=-c%20synchronous_commit%3Doff' });
    await expect(weak).rejects.toMatchObject({
      code: 'STORE_NOT_DURABLE',
      message: expect.stringContaining('synchronous_commit=off'),
    });
  });

  it('of a connection in use are UNAVAILABLE, and the next call has a new one', async () => {
    const cut = sql.transaction(async (tx) => {
      await tx.insertInto('counters').values({ name: 'cut', value: 1n }).execute();
      await raw`select pg_terminate_backend(pg_backend_pid())`.execute(tx);
    });
    await expect(cut).rejects.toMatchObject({ code: 'UNAVAILABLE', operatorOnly: true });
    expect(await values()).toEqual([]);
  });

  it('of an idle connection are not noticed', async () => {
    const pids = await sql.transaction((tx) =>
      raw<{ pid: bigint }>`
      select pg_backend_pid() as pid`.execute(tx),
    );
    const other = await world.open();
    const gone = () =>
      other.transaction(async (tx) => {
        const kill = raw<{ gone: bigint }>`select pg_terminate_backend(pid) as gone
          from pg_stat_activity where pid = ${pids.rows[0]!.pid}`;
        return (await kill.execute(tx)).rows.length;
      });
    await expect.poll(gone, { timeout: 10_000 }).toBe(0);
    expect(await values()).toEqual([]);
  });

  it('of a statement that takes too long are DEADLINE_EXCEEDED, and it is ended', async () => {
    const short = await world.open({ transactionMsMax: 200 });
    const slow = short.transaction((tx) => raw`select pg_sleep(30)`.execute(tx));
    await expect(slow).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', operatorOnly: true });
    const sleeping = () =>
      sql.transaction(async (tx) => {
        const found = raw`select 1 from pg_stat_activity
          where query like '%pg_sleep(30)%' and pid <> pg_backend_pid() and state = 'active'`;
        return (await found.execute(tx)).rows.length;
      });
    await expect.poll(sleeping, { timeout: 10_000 }).toBe(0);
  });

  it('of the password name the setting', async () => {
    const url = new URL(world.url);
    url.password = 'wrong';
    await expect(openOn(url.href)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a server that is not there', () => {
  it('is UNAVAILABLE when nobody listens', async () => {
    await expect(openOn('postgres://u:p@127.0.0.1:1/none')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
      operatorOnly: true,
    });
  });

  it('is UNAVAILABLE within the connect deadline when it accepts and never speaks', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as { port: number };
    await expect(openOn(`postgres://u:p@127.0.0.1:${port}/none`)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    mute.close();
  });
});

async function open(): Promise<void> {
  world = new CaseWorld('postgres');
  sql = await world.open();
}

function openOn(url: string): Promise<unknown> {
  const openSql = openPostgresSql({ url, rt: testRuntime(), connectTimeoutMs: 300 });
  return openSql({ service: 'absent', migrations: [] });
}

async function put(counters: Record<string, bigint>): Promise<void> {
  const rows = Object.entries(counters).map(([name, value]) => ({ name, value }));
  await sql.transaction((tx) => tx.insertInto('counters').values(rows).execute());
}

async function values(): Promise<bigint[]> {
  const rows = await sql.read((db) => db.selectFrom('counters').select('value').execute());
  return rows.map(({ value }) => value);
}
