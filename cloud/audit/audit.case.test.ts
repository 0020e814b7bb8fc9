import { AuditServiceService } from '@holdfast/shared/contracts/gen/holdfast/audit/v1/audit.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeerHandlers } from '../platform/peer/peer.ts';
import { type AuditProcess, AuditWorld, DATABASES } from './audit.fixture.ts';
import { AUDIT_MIGRATIONS } from './store/migrations.ts';

let world: AuditWorld;

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`audit ${title}`, () => {
    beforeEach(async () => {
      world = await AuditWorld.open(technology);
    });
    afterEach(() => world.close());
    describe('the chains', chainCases);
    describe('who reads', readCases);
    describe('a peer', peerCases);
  });
}

function chainCases(): void {
  it('have gapless indexes, one chain per service and partition', async () => {
    await world.start();
    for (let nr = 0; nr < 20; nr++) {
      const resource = { kind: 'order', id: `ord_${nr % 5}` };
      const service = nr % 2 ? 'order' : 'payment';
      await world.append(world.record({ service, entry: { resource } }));
    }
    await chained(20);
    const chains = Map.groupBy(await rows(), (row) => `${row.service}/${row.partition}`);
    for (const chain of chains.values()) {
      expect(chain.map((row) => row.chain_index)).toEqual(chain.map((_, at) => BigInt(at + 1)));
    }
    expect(chains.size).toBeGreaterThan(2);
  });

  it('take nothing twice, whatever the log delivers again', async () => {
    await world.start();
    const [first, second] = [world.record(), world.record()];
    await world.append(first, second, first);
    await world.append(second, first, second);
    const last = world.record({ entry: { resource: { kind: 'order', id: 'ord_1' } } });
    await world.append(last);
    await chained(3);
    expect((await rows()).map((row) => row.sequence)).toEqual([1n, 2n, 3n]);
  });

  it('keep what two services say of one thing, each by its own sequence', async () => {
    await world.start();
    await world.append(world.record({ service: 'order' }), world.record({ service: 'payment' }));
    await chained(2);
  });

  it('have a place for what cannot be read, and go on after it', async () => {
    const process = await world.start();
    const nul = { ...world.record(), value: Buffer.from('{"action":"a\\u0000"}') };
    const broken = { ...world.record(), value: Buffer.from('{"action":') };
    await world.append(nul, broken, world.record());
    await chained(3);
    const { body } = await process.get('/v1/audit?action=audit.unreadable');
    expect(body.items).toHaveLength(2);
    expect((await rows())[1]!.unreadable).toEqual(Buffer.from(broken.value));
  });

  it('do not fork when two processes append to one', async () => {
    // Two groups stand for two members that hold one partition for a moment.
    const { appendEntries } = await import('./store/append.ts');
    const { CHAIN_START, linkAfter } = await import('./domain/chain.ts');
    const { entryText } = await import('./domain/entry.ts');
    const [one, two] = [world.sql, await world.openSql(tables())];
    const chain = { service: 'order', partition: 0n };
    const total = 30;
    const append = async (nr: number): Promise<void> => {
      const sql = nr % 2 ? one : (two as typeof one);
      const appended = sql.transaction((tx) => appendEntries(tx, chain, [entryNr(nr)]));
      // Who meets too much contention begins anew, as the log makes the consumer do.
      await appended.catch((cause) => {
        if (cause?.code !== 'SQL_CONTENTION') throw cause;
        return append(nr);
      });
    };
    await Promise.all(Array.from({ length: total }, (_, nr) => append(nr)));
    await two.close();
    const stored = await rows();
    expect(stored.map((row) => row.chain_index)).toEqual(
      Array.from({ length: total }, (_, at) => BigInt(at + 1)),
    );
    let end = CHAIN_START;
    for (const row of stored) {
      const said = { ...entryNr(Number(row.sequence)), entry: row.entry };
      const link = linkAfter(chain, end, said);
      expect(entryText(entryNr(0).entry)).toBe(row.entry);
      expect([link.previousHash, link.hash]).toEqual([row.previous_hash, row.hash]);
      end = { length: link.index, hash: link.hash };
    }
  });
}

function readCases(): void {
  it('finds rows by what they say, newest first, page by page', async () => {
    const process = await world.start();
    for (let nr = 0; nr < 7; nr++) {
      const outcome = nr % 3 === 0 ? 'denied' : 'done';
      await world.append(world.record({ entry: { outcome, actor: `usr_${nr % 2}` } }));
    }
    await world.append(world.record({ entry: { resource: { kind: 'stock', id: 's' } } }));
    await chained(8);
    const all = await everyItem(process, '/v1/audit?limit=3');
    expect(all).toHaveLength(8);
    // Not by their ids: of one millisecond these are in no order.
    const times = all.map(({ time }) => time);
    expect(times).toEqual(times.toSorted().toReversed());
    expect(new Set(all.map(({ id }) => id)).size).toBe(8);
    const found = async (query: string): Promise<number> =>
      (await everyItem(process, `/v1/audit?limit=2&${query}`)).length;
    expect(await found('outcome=denied')).toBe(3);
    expect(await found('actor=usr_0')).toBe(4);
    expect(await found('resourceKind=stock&resourceId=s')).toBe(1);
    expect(await found('action=order.cancel')).toBe(8);
    expect(await found('action=order.refund')).toBe(0);
    expect(all[0]).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', service: 'order' });
  });

  it('shows a tenant its own rows and nobody else any', async () => {
    const process = await world.start();
    await world.append(world.record({ tenant: 'dev' }), world.record({ tenant: 'other' }));
    await chained(2);
    const own = await process.get('/v1/audit', 'administrator@other');
    expect(own.body.items).toHaveLength(1);
    expect((await process.get('/v1/audit', 'administrator@third')).body.items).toEqual([]);
  });

  it.each(['/v1/audit', '/v1/audit/verification'])(
    'refuses who is no administrator at %s, and audits that',
    async (path) => {
      const process = await world.start();
      const refused = await process.get(path, 'manager@dev');
      expect([refused.status, refused.body.code]).toEqual([403, 'FORBIDDEN']);
      await chained(1);
      const { body } = await process.get('/v1/audit');
      expect(body.items[0]).toMatchObject({
        service: 'audit',
        action: 'audit.read',
        outcome: 'denied',
        actor: 'usr_manager',
        policyRevision: 'test-1',
      });
    },
  );
}

function peerCases(): void {
  it('gets the rows of one thing, oldest first, of its tenant alone', async () => {
    const { handle } = await world.start();
    await world.append(world.record(), world.record({ entry: { detail: { quantity: 3 } } }));
    await world.append(world.record({ service: 'payment', tenant: 'other' }));
    await chained(3);
    const [peer] = handle.peers;
    expect(peer?.definition).toBe(AuditServiceService);
    const { listEntries } = peer!.handlers as unknown as PeerHandlers<typeof AuditServiceService>;
    const ask = (tenant: string, cursor = '') =>
      listEntries(
        { resourceKind: 'order', resourceId: 'ord_1', limit: 1, cursor },
        {
          caller: 'order',
          scope: { tenant, actor: 'order' },
          signal: new AbortController().signal,
        },
      );
    const first = await ask('dev');
    const second = await ask('dev', first.nextCursor);
    expect([first, second].map(({ entries }) => entries[0]!.index)).toEqual([1n, 2n]);
    expect(second.entries[0]).toMatchObject({ detail: { quantity: '3' }, service: 'order' });
    expect(second.nextCursor).toBe('');
    expect((await ask('third')).entries).toEqual([]);
  });
}

function tables() {
  return { service: 'audit', migrations: AUDIT_MIGRATIONS };
}

function entryNr(nr: number) {
  const entry = {
    action: 'a',
    outcome: 'done' as const,
    actor: 'usr_1',
    resource: { kind: 'order', id: 'o' },
  };
  const facts = { eventId: `evt_${nr}`, tenant: 'dev', subject: 'audit/dev/order/o' };
  const time = '2026-01-01T00:00:00.000Z';
  return { entry, unreadable: null, ...facts, sequence: BigInt(nr), time, traceparent: '' };
}

function rows() {
  return world.sql.read((db) =>
    db
      .selectFrom('audit_entries')
      .selectAll()
      .orderBy('service')
      .orderBy('partition')
      .orderBy('chain_index')
      .execute(),
  );
}

async function chained(count: number): Promise<void> {
  await expect.poll(() => world.rowCount(), { timeout: 20_000 }).toBe(count);
}

// biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
async function everyItem(process: AuditProcess, path: string): Promise<any[]> {
  const items = [];
  for (let cursor = ''; ; ) {
    const { body } = await process.get(`${path}${cursor && `&cursor=${cursor}`}`);
    items.push(...body.items);
    if (body.next_cursor === null) return items;
    cursor = body.next_cursor;
  }
}
