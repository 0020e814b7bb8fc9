import { sql as raw, type Transaction } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CaseTables, CaseWorld, TECHNOLOGIES } from './sql.fixture.ts';
import type { Reader, Sql } from './sql.ts';

/**
 * One case per sentence of the comment in `sql.ts`; migrations and races have files of their own.
 */
let world: CaseWorld;
let sql: Sql<CaseTables>;

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(title, () => {
    beforeEach(async () => {
      world = new CaseWorld(technology);
      sql = await world.open();
    });
    afterEach(() => world.dispose());

    describe('a transaction', transactionCases);
    describe('work', workCases);
    describe('a read', readCases);
    describe('a value', valueCases);
    describe('a table', tableCases);
    describe('closing', closingCases);
  });
}

function transactionCases(): void {
  it('is seen by nobody until it resolves, and by everybody then', async () => {
    const wrote = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const writing = sql.transaction(async (tx) => {
      await tx.insertInto('items').values(item('a')).execute();
      wrote.resolve();
      await go.promise;
    });
    await wrote.promise;
    expect(await ids(sql)).toEqual([]);
    go.resolve();
    await writing;
    expect(await ids(sql)).toEqual(['a']);
    expect(await ids(await world.open())).toEqual(['a']);
  });

  it('leaves nothing when work throws, and throws the same error', async () => {
    const failure = new Error('changed its mind');
    const writing = sql.transaction(async (tx) => {
      await tx.insertInto('items').values(item('a')).execute();
      throw failure;
    });
    await expect(writing).rejects.toBe(failure);
    expect(await ids(sql)).toEqual([]);
  });

  it('is ended by a failed statement, even when that was caught', async () => {
    const insert = (tx: Transaction<CaseTables>, id: string) =>
      tx.insertInto('items').values(item(id)).execute();
    const writing = sql.transaction(async (tx) => {
      await insert(tx, 'a');
      await expect(insert(tx, 'a')).rejects.toThrow(/unique/i);
    });
    await expect(writing).rejects.toThrow(/unique/i);
    const goingOn = sql.transaction(async (tx) => {
      await insert(tx, 'b');
      await expect(insert(tx, 'b')).rejects.toThrow(/unique/i);
      await insert(tx, 'c');
    });
    await expect(goingOn).rejects.toThrow(/an earlier statement of this transaction failed/);
    expect(await ids(sql)).toEqual([]);
  });

  it('goes on after a conflict that `on conflict` expects', async () => {
    await sql.transaction(async (tx) => {
      for (const n of [1n, 2n]) {
        await tx
          .insertInto('items')
          .values({ ...item('a'), n })
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ n }))
          .execute();
      }
    });
    expect(await sql.read((db) => db.selectFrom('items').select('n').execute())).toEqual([
      { n: 2n },
    ]);
  });

  it('runs statements that are issued at once in that order', async () => {
    const found = await sql.transaction(async (tx) => {
      const set = (n: bigint) => tx.updateTable('items').set({ n }).where('id', '=', 'a').execute();
      const get = () => tx.selectFrom('items').select('n').execute();
      const insert = tx.insertInto('items').values(item('a')).execute();
      const [, before, , between, , after] = await Promise.all([
        ...([insert, get(), set(1n), get(), set(2n), get()] as const),
      ]);
      return [before, between, after];
    });
    expect(found).toEqual([[{ n: null }], [{ n: 1n }], [{ n: 2n }]]);
    expect(await sql.read((db) => Promise.all([idsIn(db), idsIn(db)]))).toEqual([['a'], ['a']]);
  });

  it('fails with the first failure of those that were issued at once', async () => {
    const insert = (tx: Transaction<CaseTables>, id: string) =>
      tx.insertInto('items').values(item(id)).execute();
    const atOnce = (tx: Transaction<CaseTables>) =>
      ['a', 'a', 'b', 'b'].map((id) => insert(tx, id));
    const writing = sql.transaction((tx) => Promise.all(atOnce(tx)));
    await expect(writing).rejects.toThrow(/unique/i);
    // Also when the body goes on after all of them, whose last failures would say something else.
    const goingOn = sql.transaction(async (tx) => {
      const [first, second] = await Promise.allSettled(atOnce(tx));
      expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected']);
    });
    await expect(goingOn).rejects.toThrow(/unique/i);
    expect(await ids(sql)).toEqual([]);
  });

  it('tells how many rows a statement changed, and returns what `returning` asks for', async () => {
    const [inserted, updated, deleted] = await sql.transaction(async (tx) => [
      await tx
        .insertInto('items')
        .values([item('a'), item('b')])
        .returning('id')
        .execute(),
      await tx.updateTable('items').set({ n: 1n }).executeTakeFirst(),
      await tx.deleteFrom('items').where('id', '=', 'a').executeTakeFirst(),
    ]);
    expect(inserted).toEqual([{ id: 'a' }, { id: 'b' }]);
    expect(updated).toMatchObject({ numUpdatedRows: 2n });
    expect(deleted).toMatchObject({ numDeletedRows: 1n });
  });
}

function workCases(): void {
  it('gets an error at once when it uses a handle, its own or another', async () => {
    const other = await world.open({ service: world.name('other') });
    for (const handle of [sql, other]) {
      const misuses = [
        () => handle.transaction(async () => undefined),
        () => handle.read(async () => undefined),
        () => handle.close(),
      ];
      for (const misuse of misuses) {
        const working = sql.transaction(async () =>
          expect(misuse).toThrow(/only tx may be awaited/),
        );
        await working;
        await sql.read(async () => expect(misuse).toThrow(/only tx may be awaited/));
      }
    }
  });

  it('may leave something behind that uses the handle after its end', async () => {
    const ended = Promise.withResolvers<void>();
    let later: Promise<string[]> | undefined;
    await sql.transaction(async (tx) => {
      await tx.insertInto('items').values(item('a')).execute();
      later = ended.promise.then(() => ids(sql));
    });
    ended.resolve();
    expect(await later).toEqual(['a']);
  });

  it('that does not end is rolled back at its deadline and blocks nobody for ever', async () => {
    const short = await world.open({ transactionMsMax: 300 });
    const stuck = short.transaction(async (tx) => {
      await tx.insertInto('items').values(item('stuck')).execute();
      await new Promise(() => undefined);
    });
    const next = short.transaction((tx) => tx.insertInto('items').values(item('next')).execute());
    await expect(stuck).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await next;
    expect(await ids(short)).toEqual(['next']);
    await expect(short.read(() => new Promise(() => undefined))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });

  it('cannot reach the tables after its end, nor end the transaction itself', async () => {
    let kept: Reader<CaseTables> | undefined;
    await sql.transaction(async (tx) => {
      kept = tx;
    });
    await expect(kept!.selectFrom('items').selectAll().execute()).rejects.toThrow(
      /before its trans/,
    );
    const ending = sql.transaction((tx) => raw`commit`.execute(tx));
    await expect(ending).rejects.toThrow(/by the port alone/);
  });
}

function readCases(): void {
  it('sees one state, whatever is committed meanwhile', async () => {
    await sql.transaction((tx) => tx.insertInto('items').values(item('a')).execute());
    const looked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const reading = sql.read(async (db) => {
      const before = await idsIn(db);
      looked.resolve();
      await go.promise;
      return [before, await idsIn(db)];
    });
    await looked.promise;
    await sql.transaction((tx) => tx.insertInto('items').values(item('b')).execute());
    go.resolve();
    expect(await reading).toEqual([['a'], ['a']]);
    expect(await ids(sql)).toEqual(['a', 'b']);
  });

  it('does not wait for a writer', async () => {
    const go = Promise.withResolvers<void>();
    const writing = sql.transaction(async (tx) => {
      await tx.insertInto('items').values(item('a')).execute();
      await go.promise;
    });
    expect(await Promise.all(Array.from({ length: 20 }, () => ids(sql)))).toHaveLength(20);
    go.resolve();
    await writing;
  });

  it('cannot write', async () => {
    const writing = sql.read((db) => raw`delete from items`.execute(db as never));
    await expect(writing).rejects.toThrow(/readonly|read-only/);
  });
}

function valueCases(): void {
  const FULL = {
    id: 'full',
    n: -(2n ** 63n),
    r: 0.1 + 0.2,
    t: 'Zürich 😀 \n"\'\\',
    b: Uint8Array.from([0, 1, 254, 255]),
  };

  it('comes back as it went in', async () => {
    const whole = { id: 'whole', n: 2n ** 63n - 1n, r: -5, t: '', b: new Uint8Array(0) };
    await sql.transaction((tx) =>
      tx
        .insertInto('items')
        .values([FULL, whole, item('none')])
        .execute(),
    );
    const rows = await sql.read((db) => db.selectFrom('items').selectAll().orderBy('id').execute());
    const plain = rows.map((row) => ({ ...row, b: row.b && Uint8Array.from(row.b) }));
    expect(rows[0]!.b).toBeInstanceOf(Uint8Array);
    expect(plain).toEqual([FULL, item('none'), whole]);
  });

  it('of an expression has the type of what it is made of', async () => {
    await sql.transaction((tx) =>
      tx
        .insertInto('items')
        .values([
          { ...item('a'), n: 2n ** 60n, r: 1.5 },
          { ...item('b'), n: 2n ** 60n, r: 2.5 },
        ])
        .execute(),
    );
    const row = await sql.read((db) =>
      db
        .selectFrom('items')
        .select(({ fn, eb }) => [
          fn.countAll<bigint>().as('count'),
          fn.sum<bigint>('n').as('sum'),
          fn.max('n').as('max'),
          fn.sum<number>('r').as('reals'),
          fn.avg<number>('r').as('mean'),
          eb(fn.min('id'), '=', 'a').as('yes'),
          eb(fn.min('id'), '=', 'b').as('no'),
          fn.max('t').as('nothing'),
        ])
        .executeTakeFirstOrThrow(),
    );
    const sums = { count: 2n, sum: 2n ** 61n, max: 2n ** 60n, reals: 4, mean: 2 };
    expect(row).toEqual({ ...sums, yes: 1n, no: 0n, nothing: null });
  });

  it('that no adapter could keep is refused', async () => {
    const values: [Partial<CaseTables['items']>, RegExp][] = [
      [{ t: 'a\0b' }, /U\+0000/],
      [{ r: Number.NaN }, /NaN/],
      [{ n: 2n ** 63n }, /beyond 64 bits/],
      [{ t: true as never }, /type boolean/],
      [{ t: new Date() as never }, /type object/],
    ];
    for (const [value, reason] of values) {
      const writing = sql.transaction((tx) =>
        tx
          .insertInto('items')
          .values({ ...item('a'), ...value })
          .execute(),
      );
      await expect(writing).rejects.toThrow(reason);
    }
  });

  it('of text sorts and compares by bytes, and `like` minds the case', async () => {
    const words = ['Zebra', 'apple', 'zebra', 'Äpfel', 'äpfel', 'a-b', 'ab', 'a b'];
    await sql.transaction((tx) =>
      tx
        .insertInto('items')
        .values(words.map((word) => ({ ...item(word), t: word })))
        .execute(),
    );
    const byBytes = words.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const sorted = sql.read((db) => db.selectFrom('items').select('t').orderBy('t').execute());
    expect((await sorted).map(({ t }) => t)).toEqual(byBytes);
    const like = (db: Reader<CaseTables>) =>
      db.selectFrom('items').select('t').where('t', 'like', 'z%').execute();
    expect(await sql.read(like)).toEqual([{ t: 'zebra' }]);
    const above = (db: Reader<CaseTables>) =>
      db.selectFrom('items').select('t').where('t', '>', 'zebra').orderBy('t').execute();
    expect(await sql.read(above)).toEqual([{ t: 'Äpfel' }, { t: 'äpfel' }]);
  });
}

function tableCases(): void {
  it('holds nothing in a column but values of its type', async () => {
    for (const wrong of [{ n: 'many' }, { n: 1.5 }, { r: 'much' }]) {
      const writing = sql.transaction((tx) =>
        tx
          .insertInto('items')
          .values({ ...item('a'), ...wrong } as never)
          .execute(),
      );
      await expect(writing).rejects.toThrow();
    }
  });

  it('is the own of its service', async () => {
    const other = await world.open({ service: world.name('other') });
    await other.transaction((tx) => tx.insertInto('items').values(item('theirs')).execute());
    await sql.transaction((tx) => tx.insertInto('items').values(item('ours')).execute());
    expect(await ids(sql)).toEqual(['ours']);
    expect(await ids(other)).toEqual(['theirs']);
  });
}

function closingCases(): void {
  it('finishes what is running, and then every call throws UNAVAILABLE', async () => {
    const running = Array.from({ length: 20 }, (_, index) =>
      sql.transaction((tx) =>
        tx
          .insertInto('items')
          .values(item(`${index}`))
          .execute(),
      ),
    );
    const closing = sql.close();
    expect(await Promise.allSettled(running)).toEqual(
      running.map(() => expect.objectContaining({ status: 'fulfilled' })),
    );
    await closing;
    await sql.close();
    const closed = { code: 'UNAVAILABLE' };
    await expect(sql.read(async () => undefined)).rejects.toMatchObject(closed);
    await expect(sql.transaction(async () => undefined)).rejects.toMatchObject(closed);
    expect(await ids(await world.open())).toHaveLength(20);
  });
}

function item(id: string): CaseTables['items'] {
  return { id, n: null, r: null, t: null, b: null };
}

async function idsIn(db: Reader<CaseTables>): Promise<string[]> {
  const rows = await db.selectFrom('items').select('id').orderBy('id').execute();
  return rows.map(({ id }) => id);
}

function ids(handle: Sql<CaseTables>): Promise<string[]> {
  return handle.read(idsIn);
}
