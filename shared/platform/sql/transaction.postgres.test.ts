import { connect, createServer, type Server, type Socket } from 'node:net';
import { CompiledQuery } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testRuntime } from '../../runtime/runtime.ts';
import { prepareSession } from './session.postgres.ts';
import { type CaseTables, CaseWorld, MIGRATIONS, TECHNOLOGIES } from './sql.fixture.ts';
import { openPostgresSql } from './sql.postgres.ts';
import type { Sql } from './sql.ts';
import { PipelinedTransaction } from './transaction.postgres.ts';

const { title, skip } = TECHNOLOGIES[1]!;
const INSERT = CompiledQuery.raw("insert into counters values ('c', 1)");
const COUNT = CompiledQuery.raw('select name from counters');
let world: CaseWorld;
let sql: Sql<CaseTables>;

describe.skipIf(skip)(`a transaction that is not begun, ${title}`, () => {
  let client: pg.PoolClient;
  beforeEach(async () => {
    await openWorld();
    client = await connected();
  });
  afterEach(async () => {
    await client.end();
    await world.dispose();
  });

  it('lets no statement write', async () => {
    await expect(client.query(INSERT.sql)).rejects.toMatchObject({ code: '25006' });
    expect(await names()).toEqual([]);
  });

  it('fails as its beginning did, with all of its statements, and leaves nothing', async () => {
    const begin = "do $$ begin raise exception using errcode = '57014'; end $$";
    const transaction = new PipelinedTransaction(client, { begin });
    const atOnce = [INSERT, INSERT, COUNT].map((query) => transaction.execute(query));
    const outcomes = await Promise.allSettled(atOnce);
    const failure = expect.objectContaining({ code: 'DEADLINE_EXCEEDED' });
    expect(outcomes).toEqual(atOnce.map(() => ({ status: 'rejected', reason: failure })));
    await expect(transaction.execute(COUNT)).rejects.toEqual(failure);
    await expect(transaction.commit()).rejects.toEqual(failure);
    expect(await names()).toEqual([]);
  });

  it('fails at its end, too, when nobody waited for its statement', async () => {
    const transaction = new PipelinedTransaction(client, { begin: 'begin isolation level none' });
    const unawaited = transaction.execute(INSERT);
    const [inserted, committed] = await Promise.allSettled([unawaited, transaction.commit()]);
    expect(inserted).toMatchObject({ status: 'rejected', reason: { code: '42601' } });
    expect(committed).toEqual(inserted);
    expect(await names()).toEqual([]);
  });
});

describe.skipIf(skip)(`a transaction behind one that did not end, ${title}`, () => {
  it('does nothing and is to be run again', async () => {
    await openWorld();
    const client = await connected();
    await client.query('begin');
    await expect(client.query('select 1/0')).rejects.toThrow(/division/);
    const transaction = new PipelinedTransaction(client, { begin: 'begin read write' });
    await expect(transaction.execute(INSERT)).rejects.toMatchObject({ code: 'SQL_CONTENTION' });
    await transaction.rollback();
    const again = new PipelinedTransaction(client, { begin: 'begin read write' });
    await again.execute(INSERT);
    await again.commit();
    expect(await names()).toEqual(['c']);
    await client.end();
    await world.dispose();
  });
});

describe.skipIf(skip)(`a server that goes silent, ${title}`, () => {
  let proxy: SilentProxy;
  let short: Sql<CaseTables>;
  beforeEach(async () => {
    await openWorld();
    proxy = await SilentProxy.listen(world.url);
    const open = openPostgresSql({ url: proxy.url, rt: testRuntime(), transactionMsMax: 300 });
    short = await open<CaseTables>({ service: world.service, migrations: MIGRATIONS });
  });
  afterEach(async () => {
    await short.close();
    proxy.close();
    await world.dispose();
  });

  it('at a commit is UNAVAILABLE, and the next call has a new connection', async () => {
    proxy.silentAt = 'COMMIT';
    const insert = () =>
      short.transaction((tx) =>
        tx.insertInto('counters').values({ name: 'c', value: 1n }).execute(),
      );
    await expect(insert()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    proxy.silentAt = undefined;
    await insert();
    expect(await names()).toEqual(['c']);
  });

  it('at the end of a read is not waited for, and delays no close for ever', async () => {
    proxy.silentAt = 'COMMIT';
    expect(await readAll()).toEqual([]);
    await short.close();
  });

  it('at the end of a read is told to the next one, whose successor is served', async () => {
    proxy.silentAt = 'COMMIT';
    expect(await readAll()).toEqual([]);
    await expect(readAll()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    proxy.silentAt = undefined;
    expect(await readAll()).toEqual([]);
  });

  it('in a statement is DEADLINE_EXCEEDED', async () => {
    proxy.silentAt = 'counters';
    await expect(readAll()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  function readAll(): Promise<unknown> {
    return short.read((db) => db.selectFrom('counters').selectAll().execute());
  }
});

async function connected(): Promise<pg.PoolClient> {
  const client = new pg.Client({ connectionString: world.url, pipeline: true }) as pg.PoolClient;
  await client.connect();
  await prepareSession(client, { schema: world.service, transactionMsMax: 10_000 });
  return client;
}

async function openWorld(): Promise<void> {
  world = new CaseWorld('postgres');
  sql = await world.open();
}

async function names(): Promise<string[]> {
  const rows = await sql.read((db) => db.selectFrom('counters').select('name').execute());
  return rows.map(({ name }) => name);
}

/** Between the client and the server; of what holds `silentAt`, and after it, nothing passes. */
class SilentProxy {
  silentAt: string | undefined;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((socket) => this.#pass(socket));
  }

  static async listen(url: string): Promise<SilentProxy> {
    const proxy = new SilentProxy(new URL(url));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const { port } = this.#server.address() as { port: number };
    return Object.assign(new URL(this.#target), { hostname: '127.0.0.1', port }).href;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pass(near: Socket): void {
    const far = connect(Number(this.#target.port), this.#target.hostname);
    let silent = false;
    near.on('data', (chunk) => {
      silent ||= this.silentAt !== undefined && chunk.includes(this.silentAt);
      if (!silent) far.write(chunk);
    });
    far.on('data', (chunk) => near.write(chunk));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
    }
  }
}
