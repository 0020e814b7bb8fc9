import { sql as raw, type Transaction } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditProcess, AuditWorld, DATABASES } from './audit.fixture.ts';
import { linkAfter } from './domain/chain.ts';
import { appendHead } from './store/heads.ts';
import type { AuditTables } from './store/tables.ts';

const ROWS = 12;
const CHAIN = 'order/';

let world: AuditWorld;
let process: AuditProcess;

type Tamper = (tx: Transaction<AuditTables>) => Promise<unknown>;

interface Planted {
  readonly name: string;
  readonly tamper: Tamper;
  readonly index: number;
  readonly reason: string;
}

/** Each on rows 1 to 12 of one chain, of which a head saw 8, and another 12. */
const PLANTED: readonly Planted[] = [
  {
    name: 'a changed entry',
    tamper: change("entry = replace(entry, 'usr_1', 'usr_2')", 5),
    ...at(5),
  },
  { name: 'a changed tenant', tamper: change("tenant = 'other'", 5), ...at(5) },
  { name: 'a changed copy of the actor', tamper: change("actor = 'usr_2'", 5), ...at(5) },
  { name: 'a changed hash', tamper: change("hash = '00'", 12), ...at(12) },
  {
    name: 'a row that was removed',
    tamper: (tx) => tx.deleteFrom('audit_entries').where('chain_index', '=', 5n).execute(),
    index: 5,
    reason: 'missing',
  },
  { name: 'a row that was inserted in between', tamper: insertInBetween, ...at(6, 'unlinked') },
  { name: 'two rows in the other order', tamper: swap, ...at(3, 'unlinked') },
  { name: 'an end that was cut off', tamper: (tx) => cut(tx, 10n), ...at(11, 'missing') },
  {
    name: 'an end that was cut off with the record of it',
    tamper: (tx) => cutWithRecord(tx, 10n),
    ...at(11, 'missing'),
  },
  {
    name: 'a chain that was taken away with the record of it',
    tamper: (tx) => cutWithRecord(tx, 0n),
    ...at(1, 'missing'),
  },
  { name: 'a copy beyond the end', tamper: (tx) => copy(tx, 5n, 13n), ...at(13, 'unlinked') },
  { name: 'a row well linked beyond the end', tamper: forge, ...at(13, 'unexpected') },
];

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`verification ${title}`, () => {
    beforeEach(async () => {
      world = await AuditWorld.open(technology);
      process = await world.start();
      await fill(8);
      await world.sql.transaction((tx) => appendHead(tx, 60_000_000n));
      await fill(ROWS);
      await world.sql.transaction((tx) => appendHead(tx, 120_000_000n));
    });
    afterEach(() => world.close());

    it('finds chains intact that nobody touched, however small the slices', async () => {
      expect(await verify(1)).toMatchObject({ state: 'intact', breaks: [] });
      const { state, progress } = await verify(5);
      expect(state).toBe('intact');
      expect(progress).toEqual({
        entries: { checked: ROWS, total: ROWS },
        heads: { checked: 2, total: 2 },
      });
    });

    it('says that it is not done while there is more', async () => {
      const { body } = await process.get('/v1/audit/verification?rows=5');
      expect(body.state).toBe('unfinished');
      expect(body.progress.entries).toEqual({ checked: 5, total: ROWS });
    });

    it.each(PLANTED)('finds $name', async ({ tamper, index, reason }) => {
      await world.sql.transaction(tamper);
      for (const rows of [1, 3, 1000]) {
        const { state, breaks } = await verify(rows);
        expect(state).toBe('broken');
        expect(breaks[0]).toMatchObject({ index, reason });
        expect(breaks[0].chain).toContain(CHAIN);
      }
    });

    it('finds a chain that was written anew from a row on, by the head before', async () => {
      await world.sql.transaction((tx) => cutWithRecord(tx, 6n));
      await fill(ROWS, 6);
      const { breaks } = await verify(1000);
      expect(breaks).toMatchObject([{ index: 8, reason: 'rewritten' }]);
    });

    it('finds a head that was changed, and one that was removed', async () => {
      await world.sql.transaction((tx) => tx.updateTable('audit_heads').set({ at: 1n }).execute());
      expect((await verify(1000)).breaks).toEqual([
        { chain: 'heads', index: 1, reason: 'changed' },
      ]);
      await world.sql.transaction((tx) =>
        tx.deleteFrom('audit_heads').where('head_index', '=', 1n).execute(),
      );
      expect((await verify(1000)).breaks).toEqual([
        { chain: 'heads', index: 1, reason: 'missing' },
      ]);
    });
  });
}

/** Appends to the chain until it has so many rows. */
async function fill(length: number, from?: number): Promise<void> {
  const before = from ?? (await world.rowCount());
  for (let count = before; count < length; count++) await world.append(world.record());
  await expect.poll(() => world.rowCount(), { timeout: 20_000 }).toBe(length);
}

/** All slices, one after another. */
async function verify(rows: number) {
  const breaks = [];
  for (let cursor = ''; ; ) {
    const query = `rows=${rows}${cursor && `&cursor=${cursor}`}`;
    const { body } = await process.get(`/v1/audit/verification?${query}`);
    breaks.push(...body.breaks);
    if (body.next_cursor === null) return { ...body, breaks };
    cursor = body.next_cursor;
  }
}

function at(index: number, reason = 'changed') {
  return { index, reason };
}

function change(assignment: string, index: number): Tamper {
  return (tx) =>
    raw`update audit_entries set ${raw.raw(assignment)} where chain_index = ${index}`.execute(tx);
}

async function move(tx: Transaction<AuditTables>, from: bigint, to: bigint): Promise<void> {
  await tx
    .updateTable('audit_entries')
    .set({ chain_index: to })
    .where('chain_index', '=', from)
    .execute();
}

/** Room is made at 6, and a copy of row 5 is put there. */
async function insertInBetween(tx: Transaction<AuditTables>): Promise<void> {
  for (let index = BigInt(ROWS); index >= 6n; index--) await move(tx, index, index + 1n);
  await copy(tx, 5n, 6n);
  await tx.updateTable('audit_chains').set({ length: 13n }).execute();
}

/** By somebody who knows how rows are hashed, and not that the end is recorded. */
async function forge(tx: Transaction<AuditTables>): Promise<void> {
  const chain = await tx.selectFrom('audit_chains').selectAll().executeTakeFirstOrThrow();
  await copy(tx, 12n, 13n);
  const row = await rowAt(tx, 13n);
  const content = { ...row, eventId: row.event_id };
  const { previousHash, hash } = linkAfter(chain, chain, content);
  await tx
    .updateTable('audit_entries')
    .set({ previous_hash: previousHash, hash })
    .where('chain_index', '=', 13n)
    .execute();
}

function rowAt(tx: Transaction<AuditTables>, index: bigint) {
  return tx
    .selectFrom('audit_entries')
    .selectAll()
    .where('chain_index', '=', index)
    .executeTakeFirstOrThrow();
}

async function copy(tx: Transaction<AuditTables>, from: bigint, to: bigint): Promise<void> {
  const row = await rowAt(tx, from);
  await tx
    .insertInto('audit_entries')
    .values({ ...row, chain_index: to })
    .execute();
}

async function swap(tx: Transaction<AuditTables>): Promise<void> {
  await move(tx, 3n, 100n);
  await move(tx, 4n, 3n);
  await move(tx, 100n, 4n);
}

async function cut(tx: Transaction<AuditTables>, length: bigint): Promise<void> {
  await tx.deleteFrom('audit_entries').where('chain_index', '>', length).execute();
}

async function cutWithRecord(tx: Transaction<AuditTables>, length: bigint): Promise<void> {
  await cut(tx, length);
  const last = await tx
    .selectFrom('audit_entries')
    .select('hash')
    .where('chain_index', '=', length)
    .executeTakeFirst();
  if (last) await tx.updateTable('audit_chains').set({ length, hash: last.hash }).execute();
  else await tx.deleteFrom('audit_chains').execute();
}
