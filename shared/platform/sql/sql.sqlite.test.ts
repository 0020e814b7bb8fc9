import { join } from 'node:path';
import { sql as raw } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openLogSync, openSqliteFile } from '../../runtime/sqlite.ts';
import type { Steps } from '../../runtime/steps.ts';
import { READING_MS_MAX } from './fair-reading.sqlite.ts';
import { type CaseTables, CaseWorld, MIGRATIONS } from './sql.fixture.ts';
import type { Migration, Sql } from './sql.ts';

let world: CaseWorld;
let commits = 0;
let onCommit: () => void;
const steps: Steps = {
  reach(step) {
    if (step !== 'sql.commit') return;
    commits += 1;
    onCommit();
  },
};

beforeEach(() => {
  world = new CaseWorld('sqlite');
  onCommit = () => undefined;
});
afterEach(() => world.dispose());

describe('the group of one turn', () => {
  it('shares one commit, after which each is told', async () => {
    const sql = await world.open({ steps });
    commits = 0;
    let told = 0;
    onCommit = () => expect(told).toBe(0);
    const all = Array.from({ length: 100 }, (_, n) => add(sql, `${n}`).then(() => (told += 1)));
    await Promise.all(all);
    expect(commits).toBe(1);
    expect(await count(sql)).toBe(100n);
  });

  it('loses only the one that fails', async () => {
    const sql = await world.open();
    const results = await Promise.allSettled([
      add(sql, 'a'),
      add(sql, 'a'),
      sql.transaction(async (tx) => {
        await tx.deleteFrom('items').execute();
        throw new Error('changed its mind');
      }),
      add(sql, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(await count(sql)).toBe(2n);
  });

  it('tells a failure that a neighbour’s rows caused only when those are on disk', async () => {
    const sql = await world.open({ steps });
    let isOnDisk = false;
    const first = add(sql, 'a');
    const second = add(sql, 'a').catch(() => expect(isOnDisk).toBe(true));
    onCommit = () => {
      isOnDisk = true;
    };
    await Promise.all([first, second]);
    expect.assertions(1);
  });

  it('is tried again, each alone, when its commit fails: only the guilty one fails', async () => {
    const sql = await world.open({ migrations: [...MIGRATIONS, CHILDREN] });
    const guilty = sql.transaction((tx) =>
      raw`insert into children values ('c', 'nobody')`.execute(tx),
    );
    const results = await Promise.allSettled([add(sql, 'a'), guilty, add(sql, 'b')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(guilty).rejects.toThrow(/FOREIGN KEY/);
    expect(await count(sql)).toBe(2n);
  });

  it('survives one that fills the disk', async () => {
    const sql = await world.open();
    await sql.transaction((tx) => raw`pragma max_page_count = 20`.execute(tx));
    const big = sql.transaction((tx) =>
      tx
        .insertInto('items')
        .values({ ...EMPTY, id: 'big', b: new Uint8Array(200_000) })
        .execute(),
    );
    const results = await Promise.allSettled([add(sql, 'a'), big, add(sql, 'b')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(big).rejects.toMatchObject({ code: 'UNAVAILABLE', operatorOnly: true });
    expect(await count(sql)).toBe(2n);
  });
});

describe('the disk', () => {
  it('has what is told, to writers and to readers', async () => {
    const disk = new TestDisk();
    const sql = await world.open({ openSync: disk.open });
    await count(sql);
    const release = disk.hold();
    const told: string[] = [];
    const adding = add(sql, 'a').then(() => told.push('written'));
    await expect.poll(() => disk.syncs, { interval: 1 }).toBe(1);
    const reading = count(sql).then((found) => told.push(`read ${found}`));
    await expect.poll(() => disk.syncs, { interval: 1 }).toBe(1);
    expect(told).toEqual([]);
    release();
    await Promise.all([adding, reading]);
    expect(told.toSorted()).toEqual(['read 1', 'written']);
  });

  it('is awaited beside the next commits, which share a sync', async () => {
    const disk = new TestDisk();
    const sql = await world.open({ openSync: disk.open, steps });
    await count(sql);
    commits = 0;
    const release = disk.hold();
    const all = [];
    for (const [index, id] of ['a', 'b', 'c'].entries()) {
      all.push(add(sql, id));
      await expect.poll(() => commits, { interval: 1 }).toBe(index + 1);
    }
    expect(disk.syncs).toBe(1);
    release();
    await Promise.all(all);
    expect(disk.syncs).toBe(2);
  });

  it('is not trusted any more once it failed', async () => {
    const disk = new TestDisk();
    const sql = await world.open({ openSync: disk.open });
    disk.failure = new Error('EIO: i/o error, fdatasync');
    const message = expect.stringContaining('EIO');
    const failed = { code: 'STORE_NOT_DURABLE', message, operatorOnly: true };
    await expect(add(sql, 'a')).rejects.toMatchObject(failed);
    disk.failure = undefined;
    await expect(add(sql, 'b')).rejects.toMatchObject(failed);
    await expect(count(sql)).rejects.toMatchObject(failed);
  });

  it('has what another process committed before it is read here', async () => {
    const disk = new TestDisk();
    const sql = await world.open({ openSync: disk.open });
    await count(sql);
    const before = disk.syncs;
    const other = openSqliteFile(join(world.dir, `${world.service}.sqlite`), { syncs: 'caller' });
    other.exec("insert into counters values ('c', 1)");
    await count(sql);
    await count(sql);
    expect(disk.syncs).toBe(before + 1);
    other.close();
  });
});

describe('reads, one after the other,', () => {
  it('let others go on when they take long', async () => {
    // Each look at the clock takes a millisecond, so each statement does.
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs++ };
    const sql = await world.open({ clock });
    await count(sql);
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const reads = READING_MS_MAX * 20;
    for (let read = 0; read < reads; read += 1) await count(sql);
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(19);
    expect(turns).toBeLessThan(reads / 2);
  });
});

/** The real log's sync, held up or failing when a test says so. */
class TestDisk {
  syncs = 0;
  failure: Error | undefined;
  #gate: Promise<void> = Promise.resolve();
  readonly open: typeof openLogSync = (database) => {
    const log = openLogSync(database);
    return {
      sync: async () => {
        this.syncs += 1;
        await this.#gate;
        if (this.failure) throw this.failure;
        await log.sync();
      },
      close: () => log.close(),
    };
  };

  /** Counts anew; the result lets go. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.syncs = 0;
    return resolve;
  }
}

describe('two processes on one file', () => {
  it('wait for each other’s lock without blocking the event loop', async () => {
    const sql = await world.open();
    const other = openSqliteFile(join(world.dir, `${world.service}.sqlite`));
    other.exec('BEGIN IMMEDIATE');
    const adding = add(sql, 'a');
    let turns = 0;
    await expect.poll(() => (turns += 1), { interval: 5 }).toBeGreaterThan(20);
    expect(await count(sql)).toBe(0n);
    other.exec('COMMIT');
    await adding;
    other.close();
  });

  it('say SQL_CONTENTION when the lock stays', { timeout: 20_000 }, async () => {
    const sql = await world.open();
    const other = openSqliteFile(join(world.dir, `${world.service}.sqlite`));
    other.exec('BEGIN IMMEDIATE');
    await expect(add(sql, 'a')).rejects.toMatchObject({ code: 'SQL_CONTENTION' });
    other.exec('COMMIT');
    other.close();
    await add(sql, 'a');
  });

  it('lose no update', { timeout: 60_000 }, async () => {
    const sql = await world.open();
    await sql.transaction((tx) =>
      tx.insertInto('counters').values({ name: 'c', value: 0n }).execute(),
    );
    const children = [world.start('counter', 50), world.start('counter', 50)];
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(await sql.read((db) => db.selectFrom('counters').select('value').execute())).toEqual([
      { value: 100n },
    ]);
  });
});

/** Found wrong only by the outermost commit. */
const CHILDREN: Migration = {
  id: '0003-children',
  async up(tx) {
    await raw`create table children (id text not null primary key,
      item text references items (id) deferrable initially deferred) strict`.execute(tx);
  },
};

const EMPTY = { n: null, r: null, t: null, b: null };

function add(sql: Sql<CaseTables>, id: string): Promise<unknown> {
  return sql.transaction((tx) =>
    tx
      .insertInto('items')
      .values({ ...EMPTY, id })
      .execute(),
  );
}

async function count(sql: Sql<CaseTables>): Promise<bigint> {
  const row = await sql.read((db) =>
    db
      .selectFrom('items')
      .select(({ fn }) => fn.countAll<bigint>().as('count'))
      .executeTakeFirst(),
  );
  return row!.count;
}
