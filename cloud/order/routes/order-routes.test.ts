import { inspect } from 'node:util';
import { TOPICS } from '@holdfast/shared/contracts/topics.ts';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkedApp } from '../../platform/http/document.fixture.ts';
import {
  type Asked,
  CUSTOMER,
  dropPlace,
  newPlace,
  OPERATOR,
  type OrderPlace,
  OrderProcess,
  type Reply,
  SAMPLE_BODY,
} from '../order.fixture.ts';
import { MemoryPeers } from '../peers.fixture.ts';

const STRANGER = 'customer@dev/usr_2';
const OTHER_TENANT = 'administrator@other/usr_3';

let place: OrderPlace;
let shop: OrderProcess;
let peers: MemoryPeers;
let send: (request: Asked) => Promise<Reply>;

beforeEach(async () => {
  place = newPlace('sqlite');
  peers = new MemoryPeers();
  peers.stock.set('peas', 100n);
  shop = await OrderProcess.open(place, { peers: peers.clients() });
  // Every answer is held against the document.
  const checked = checkedApp(shop.api);
  send = (request) => shop.ask(request, checked);
});
afterEach(async () => {
  await shop.close();
  await dropPlace(place);
});

const post = (body: unknown, key?: string): Promise<Reply> =>
  send({ method: 'POST', path: '/v1/orders', body, ...(key && { key }) });
/** What the service has stored of anything, as one text. */
async function allRows(): Promise<string> {
  return shop.sql.transaction(async (tx) => {
    const tables = await sql<{ name: string }>`
      select name from sqlite_master where type = 'table'`.execute(tx);
    const contents = await Promise.all(
      tables.rows.map(({ name }) => sql`select * from ${sql.table(name)}`.execute(tx)),
    );
    return inspect(contents, { depth: null, maxArrayLength: null, maxStringLength: null });
  });
}
const confirmed = (id: string): Promise<void> =>
  vi.waitFor(async () => {
    const { body } = await send({ path: `/v1/orders/${id}`, token: OPERATOR });
    expect(body.state).toBe('confirmed');
  });

describe('POST /v1/orders', () => {
  it('answers 202 with the order, its tax and where it is', async () => {
    const { status, headers, body } = await post(SAMPLE_BODY, 'one');
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/orders/${body.id}`);
    expect(body).toMatchObject({ state: 'placed', total: { currency: 'EUR', minorUnits: 595 } });
    expect(body.net.minorUnits + body.tax.minorUnits).toBe(595);
    expect(body.shippingAddress).toEqual(SAMPLE_BODY.shippingAddress);
  });

  it('is placed once for one key, at once and later', async () => {
    const at = await Promise.all([post(SAMPLE_BODY, 'two'), post(SAMPLE_BODY, 'two')]);
    expect(at.map(({ status }) => status).toSorted()).toEqual([202, 409]);
    const again = await post(SAMPLE_BODY, 'two');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body.id).toBe(at.find(({ status }) => status === 202)!.body.id);
    // Its price is asked for again only for another order.
    peers.fateOf = ({ peer }) => (peer === 'product' ? 'lost-before' : 'arrives');
    expect((await post(SAMPLE_BODY, 'two')).body.id).toBe(again.body.id);
    expect((await post({ ...SAMPLE_BODY, currency: 'USD' }, 'two')).status).toBe(422);
    peers.fateOf = () => 'arrives';
    const other = { ...SAMPLE_BODY, lines: [{ productId: 'prd_peas', quantity: 2 }] };
    expect((await post(other, 'two')).status).toBe(422);
    expect((await send({ path: '/v1/orders' })).body.items).toHaveLength(1);
  });

  it('names what is wrong', async () => {
    expect((await post(SAMPLE_BODY)).body.code).toBe('IDEMPOTENCY_KEY_MISSING');
    const unknown = { ...SAMPLE_BODY, lines: [{ productId: 'nothing', quantity: 1 }] };
    const { status, body } = await post(unknown, 'three');
    expect(status).toBe(400);
    expect(body.errors[0].pointer).toBe('/lines/0/productId');
    const deleted = { ...SAMPLE_BODY, lines: [{ productId: 'prd_deleted', quantity: 1 }] };
    expect((await post(deleted, 'four')).status).toBe(400);
  });
});

describe('an order of somebody else', () => {
  it('is not there, and the denial is told to the order', async () => {
    const { body } = await post(SAMPLE_BODY, 'five');
    await confirmed(body.id);
    const path = `/v1/orders/${body.id}`;
    for (const token of [STRANGER, OTHER_TENANT]) {
      expect((await send({ path, token })).status).toBe(404);
      expect((await send({ path: `${path}/why`, token })).status).toBe(404);
      expect((await send({ method: 'POST', path: `${path}/cancel`, token })).status).toBe(404);
    }
    const shipping = { method: 'POST', path: `${path}/shipments`, key: 'k' };
    expect((await send({ ...shipping, token: OTHER_TENANT })).status).toBe(404);
    expect((await send({ ...shipping, token: STRANGER })).status).toBe(403);
    expect((await send({ path: '/v1/orders', token: STRANGER })).body.items).toEqual([]);
    expect((await send({ path: '/v1/orders', token: OTHER_TENANT })).body.items).toEqual([]);
    const { story } = (await send({ path: `${path}/why` })).body;
    const denied = story.filter((entry: { outcome?: string }) => entry.outcome === 'denied');
    expect(denied.length).toBe(3);
  });

  it('is not told of in the audit of another tenant, who could learn of it there', async () => {
    const { body } = await post(SAMPLE_BODY, 'audit');
    await send({ path: `/v1/orders/${body.id}`, token: OTHER_TENANT });
    await vi.waitFor(async () => {
      const denials = await deniedEntries();
      expect(denials).toEqual([{ tenant: 'dev', actor: 'usr_3' }]);
    });
  });
});

async function deniedEntries() {
  const partitions = Array.from({ length: TOPICS['audit.entries'].partitionCount }, (_, at) => at);
  const read = partitions.map((at) => shop.log.read('audit.entries', at, 0n, 100));
  return (await Promise.all(read)).flat().flatMap(({ headers, value }) => {
    const { outcome, actor } = JSON.parse(Buffer.from(value).toString());
    return outcome === 'denied' ? [{ tenant: headers['ce_tenant'], actor }] : [];
  });
}

describe('reading orders', () => {
  it('answers 304 to who has it, and pages to who asks for few', async () => {
    const ids: string[] = [];
    for (const key of ['a', 'b', 'c']) ids.push((await post(SAMPLE_BODY, key)).body.id);
    for (const id of ids) await confirmed(id);
    const path = `/v1/orders/${ids[0]}`;
    const etag = (await send({ path })).headers.get('etag')!;
    expect((await send({ path, headers: { 'if-none-match': etag } })).status).toBe(304);
    const first = await send({ path: '/v1/orders?limit=2&state=confirmed', token: OPERATOR });
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual([ids[2], ids[1]]);
    const cursor = first.body.next_cursor;
    const next = await send({ path: `/v1/orders?limit=2&state=confirmed&cursor=${cursor}` });
    expect(next.body.items.map(({ id }: { id: string }) => id)).toEqual([ids[0]]);
    expect((await send({ path: '/v1/orders?state=declined' })).body.items).toEqual([]);
  });

  it('shows no address that was erased, and keeps the order', async () => {
    const { shippingAddress } = SAMPLE_BODY;
    const moved = {
      ...SAMPLE_BODY,
      shippingAddress: { ...shippingAddress, street: 'Gone Lane 9' },
    };
    const [ended, open] = [await post(moved, 'six'), await post(SAMPLE_BODY, 'seven')];
    for (const { body } of [ended, open]) await confirmed(body.id);
    const shipping = `/v1/orders/${ended.body.id}/shipments`;
    await send({ method: 'POST', path: shipping, token: OPERATOR, key: 'ship' });
    await vi.waitFor(async () => {
      const { body } = await send({ path: `/v1/orders/${ended.body.id}` });
      expect(body.state).toBe('fulfilled');
    });
    const erase = (token: string, id = 'usr_1') =>
      send({ method: 'POST', path: `/v1/customers/${id}/erase`, token });
    for (const token of [STRANGER, OTHER_TENANT]) expect((await erase(token)).status).toBe(404);
    expect((await erase(OPERATOR)).status).toBe(403);
    expect((await erase('administrator@dev/usr_9', 'usr_7')).status).toBe(404);
    expect((await erase(CUSTOMER)).body).toEqual({ erased: 1, kept: 1 });
    expect((await erase('administrator@dev/usr_9')).body).toEqual({ erased: 0, kept: 1 });
    const found = await send({ path: `/v1/orders/${ended.body.id}` });
    expect(found.body).toMatchObject({ id: ended.body.id, shippingAddress: null });
    const kept = await send({ path: `/v1/orders/${open.body.id}` });
    expect(kept.body.shippingAddress).toEqual(shippingAddress);
    expect(await allRows()).toContain(shippingAddress.street);
    expect(await allRows()).not.toContain('Gone Lane 9');
    // Who repeats the request brings the address again.
    expect((await post(moved, 'six')).body.shippingAddress.street).toBe('Gone Lane 9');
  });
});

describe('an order that is shipped', () => {
  it('is neither shipped again nor cancelled', async () => {
    const { body } = await post(SAMPLE_BODY, 'seven');
    await confirmed(body.id);
    const path = `/v1/orders/${body.id}`;
    const shipping = { method: 'POST', path: `${path}/shipments`, token: OPERATOR };
    expect((await send({ ...shipping, key: 'x' })).status).toBe(202);
    expect((await send({ ...shipping, key: 'x' })).headers.get('idempotent-replayed')).toBe('true');
    expect((await send({ ...shipping, key: 'y' })).status).toBe(409);
    expect((await send({ method: 'POST', path: `${path}/cancel` })).status).toBe(409);
  });
});
