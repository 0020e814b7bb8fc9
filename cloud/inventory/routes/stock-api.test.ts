import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '../../platform/event-log/event-log.embedded.ts';
import { type Api, createApi } from '../../platform/http/api.ts';
import { batchOf, blockRecord } from '../../telemetry/blocks.fixture.ts';
import { handleStock } from '../events/stock-consumer.ts';
import { ITEM, openerOf, SITE, TestDatabase, type TestLedger } from '../inventory.fixture.ts';
import { openInventory } from '../inventory.module.ts';
import { inventorySettingsSchema } from '../settings.ts';

const verifier = {
  async verify(header: string | undefined): Promise<Principal> {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [role, tenant, site] = header.slice('Bearer '.length).split('/');
    const roles = [role as Role];
    return { subject: `usr_${role}`, tenant: tenant!, sites: [site!], roles };
  },
};
/** Managers may; what the rules are is shown with the rules. */
const policy: Policy = {
  revision: 'r1',
  decide: (principal) => ({
    allowed: principal.roles.includes('manager'),
    reasons: ['managers adjust'],
    revision: 'r1',
  }),
};
const MANAGER = `manager/dev/${SITE}`;
const OPERATOR = `operator/dev/${SITE}`;

describe('the paths of stock', () => {
  let database: TestDatabase;
  let ledger: TestLedger;
  let api: Api;
  let stop: () => Promise<void>;

  beforeEach(async () => {
    database = new TestDatabase('sqlite');
    ledger = await database.open();
    const runtime = testRuntime();
    const log = await openEmbeddedLog({ dir: `${database.place.dir}/log`, runtime });
    const inventory = await openInventory({
      sql: openerOf(database.place, runtime),
      log,
      policy,
      settings: inventorySettingsSchema.parse({}),
      runtime,
      region: 'local',
    });
    api = createApi({ app: createApp(runtime), verifier });
    inventory.routes?.(api);
    stop = async () => {
      await inventory.module.stop();
      await log.close();
    };
  });
  afterEach(async () => {
    await stop();
    await database.dispose();
  });

  const get = async (path: string, token = MANAGER, headers: Record<string, string> = {}) => {
    const authorization = `Bearer ${token}`;
    const request = new Request(`http://cloud${path}`, { headers: { authorization, ...headers } });
    const response = await api.app.fetch(request);
    const text = await response.text();
    return { response, status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const post = async (
    path: string,
    body: object,
    options: { token?: string; key?: string } = {},
  ) => {
    const { token = MANAGER, key = `key-${keys++}` } = options;
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(path.endsWith('movements') ? { 'idempotency-key': key } : {}),
    };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await api.app.fetch(new Request(`http://cloud${path}`, init));
    const text = await response.text();
    return { response, status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  let keys = 0;
  const receipt = { site: SITE, item: ITEM, kind: 'receive', quantity: 12 };
  const audits = async (): Promise<readonly object[]> => {
    const rows = await ledger.sql.read((db) =>
      db.selectFrom('outbox').select('value').where('topic', '=', 'audit.entries').execute(),
    );
    return rows.map(({ value }) => JSON.parse(Buffer.from(value).toString()));
  };

  it('book a movement once per key, audited, and answer with the level and its tag', async () => {
    const first = await post('/v1/stock/movements', receipt, { token: OPERATOR, key: 'a' });
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ level: { onHand: 12, free: 12, version: 1 } });
    const again = await post('/v1/stock/movements', receipt, { token: OPERATOR, key: 'a' });
    expect(again.response.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    const other = { ...receipt, quantity: 13 };
    const reused = await post('/v1/stock/movements', other, { token: OPERATOR, key: 'a' });
    expect(reused.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const location = first.response.headers.get('location')!;
    const read = await get(location);
    expect(read.response.headers.get('etag')).toBe('"v1"');
    expect(read.body).toMatchObject({ site: SITE, item: ITEM, onHand: 12, frozen: false });
    expect((await get(location, MANAGER, { 'if-none-match': '"v1"' })).status).toBe(304);
    expect(await audits()).toMatchObject([{ action: 'stock.receive', actor: 'usr_operator' }]);
  });

  it('ask the policy for adjustments and counts, and audit a denial', async () => {
    await post('/v1/stock/movements', receipt);
    const adjust = { ...receipt, kind: 'adjust', quantity: -2, reason: 'broken' };
    const denied = await post('/v1/stock/movements', adjust, { token: OPERATOR });
    expect(denied.body).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    const done = await post('/v1/stock/movements', adjust);
    expect(done.body.level.onHand).toBe(10);
    const counted = await post('/v1/stock/movements', { ...receipt, kind: 'count', quantity: 9 });
    expect(counted.body.level.onHand).toBe(9);
    const told = await audits();
    expect(told.slice(1)).toMatchObject([
      { action: 'stock.adjust', outcome: 'denied', policyRevision: 'r1' },
      { action: 'stock.adjust', outcome: 'done', policyRevision: 'r1' },
      { action: 'stock.count', outcome: 'done' },
    ]);
  });

  it('refuse what cannot be a movement', async () => {
    for (const wrong of [
      { ...receipt, quantity: 0 },
      { ...receipt, quantity: 1.5 },
      { ...receipt, kind: 'transfer' },
      { ...receipt, kind: 'transfer', toSite: SITE },
      { ...receipt, kind: 'count', quantity: -1 },
      { ...receipt, item: '' },
      { ...receipt, colour: 'red' },
    ]) {
      expect((await post('/v1/stock/movements', wrong)).body.code).toBe('REQUEST_INVALID');
    }
  });

  it('list by item and site in pages', async () => {
    for (const item of ['c', 'a', 'b']) await post('/v1/stock/movements', { ...receipt, item });
    const first = await get('/v1/stock?limit=2');
    expect(first.body.items.map(({ item }: { item: string }) => item)).toEqual(['a', 'b']);
    const rest = await get(`/v1/stock?limit=2&cursor=${first.body.next_cursor}`);
    expect(rest.body.items.map(({ item }: { item: string }) => item)).toEqual(['c']);
    expect(rest.body.next_cursor).toBeNull();
    expect((await get('/v1/stock?item=b')).body.items).toHaveLength(1);
  });

  it('show nobody another’s stock', async () => {
    await post('/v1/stock/movements', receipt);
    for (const token of [`manager/other/${SITE}`, 'manager/dev/site-9']) {
      expect((await get(`/v1/stock/${SITE}/${ITEM}`, token)).status).toBe(404);
      expect((await get('/v1/stock', token)).body.items).toEqual([]);
    }
    const elsewhere = await post('/v1/stock/movements', receipt, { token: 'manager/dev/site-9' });
    expect(elsewhere.status).toBe(404);
    expect((await get('/v1/stock', 'customer/dev/*')).status).toBe(403);
  });

  it('show what was set aside and what does not add up, until a manager resolves it', async () => {
    const poison = { kind: 'receive', item: ITEM, quantity: 'many' };
    const block = blockRecord([{ payload: poison }], { lane: 'stock' });
    await handleStock(batchOf([block]), ledger.consumer);
    const { items } = (await get('/v1/stock/parked')).body;
    expect(items).toMatchObject([{ item: ITEM, reason: 'message', sequence: 1, site: SITE }]);
    expect(JSON.parse(Buffer.from(items[0].base64, 'base64').toString())).toEqual(poison);
    const open = (await get('/v1/stock/discrepancies')).body.items;
    expect(open).toMatchObject([{ item: ITEM, reason: 'unreadable', state: 'open' }]);
    expect((await get(`/v1/stock/${SITE}/${ITEM}`)).body.frozen).toBe(true);
    const path = `/v1/stock/discrepancies/${open[0].id}/resolve`;
    expect((await post(path, { note: 'seen' }, { token: OPERATOR })).status).toBe(403);
    const elsewhere = { token: 'manager/dev/site-9' };
    expect((await post(path, { note: 'seen' }, elsewhere)).status).toBe(404);
    expect((await post(path, { note: 'seen' })).status).toBe(204);
    expect((await post(path, { note: 'seen' })).body.code).toBe('STATE_CONFLICT');
    expect((await get('/v1/stock/discrepancies')).body.items).toEqual([]);
    const resolved = (await get('/v1/stock/discrepancies?state=resolved')).body.items;
    expect(resolved).toMatchObject([{ id: open[0].id, state: 'resolved' }]);
    expect((await get(`/v1/stock/${SITE}/${ITEM}`)).body.frozen).toBe(false);
    expect(await audits()).toMatchObject([{ action: 'stock.resolve_discrepancy' }]);
  });
});
