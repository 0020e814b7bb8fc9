import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CUSTOMER,
  DATABASES,
  MANAGER,
  PEAS,
  type ProductProcess,
  ProductWorld,
  type Reply,
  STRANGER,
} from '../product.fixture.ts';

let world: ProductWorld;
let product: ProductProcess;
afterEach(() => world.close());

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`products ${title}`, () => {
    beforeEach(async () => {
      world = await ProductWorld.open({ technology });
      product = await world.start();
    });
    describe('writing', writeCases);
    describe('concurrency', concurrencyCases);
    describe('who may', accessCases);
    describe('finding', findCases);
  });
}

function writeCases(): void {
  it('creates a product, tells of it, and answers a repeat as it answered first', async () => {
    const headers = { 'idempotency-key': 'once' };
    const made = await product.create(PEAS, { headers });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ ...PEAS, images: [], version: 1 });
    expect(made.headers.get('location')).toBe(`/v1/products/${made.body.id}`);
    const again = await product.create(PEAS, { headers });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(made.body);
    expect((await product.create({ ...PEAS, name: 'Other' }, { headers })).status).toBe(422);
    expect((await product.get('/v1/products')).body.items).toEqual([made.body]);
    await expect.poll(() => eventTypes()).toEqual(['product.created.v1']);
    await expect
      .poll(() => world.audited())
      .toMatchObject([
        {
          action: 'product.price_change',
          outcome: 'done',
          actor: 'usr_manager',
          resource: { kind: 'product', id: made.body.id },
          policyRevision: 'test-1',
          detail: { currency: 'EUR', toMinorUnits: 329 },
        },
      ]);
  });

  it('replaces, changes and deletes, each a version and an event', async () => {
    const path = await created();
    const replaced = await product.change('PUT', path, { body: { ...PEAS, name: 'Peas' } });
    expect(replaced.body).toMatchObject({ name: 'Peas', version: 2 });
    const body = { prices: [{ currency: 'EUR', minorUnits: 300 }] };
    const changed = await product.change('PATCH', path, { body });
    expect(changed.body).toEqual({
      ...replaced.body,
      ...body,
      version: 3,
      updatedAt: changed.body.updatedAt,
    });
    expect((await product.get(path)).body).toEqual(changed.body);
    expect((await product.change('DELETE', path)).status).toBe(204);
    expect((await product.get(path)).status).toBe(404);
    expect((await product.get('/v1/products')).body.items).toEqual([]);
    await expect
      .poll(() => eventTypes())
      .toEqual([
        'product.created.v1',
        'product.changed.v1',
        'product.changed.v1',
        'product.deleted.v1',
      ]);
    const details = async () => (await world.audited()).map(({ detail }) => detail);
    await expect.poll(details).toEqual([
      { currency: 'EUR', toMinorUnits: 329 },
      { currency: 'EUR', fromMinorUnits: 329, toMinorUnits: 300 },
    ]);
  });

  it('keeps an item for one product at a time', async () => {
    const path = await created();
    expect((await product.create()).status).toBe(409);
    const other = await created({ ...PEAS, item: 'OTHER' });
    const body = { item: PEAS.item };
    expect((await product.change('PATCH', other, { body })).status).toBe(409);
    await product.change('DELETE', path);
    expect((await product.change('PATCH', other, { body })).status).toBe(200);
    expect((await product.create(PEAS, { token: STRANGER })).status).toBe(201);
  });

  it('names the field that is wrong', async () => {
    const wrong = { ...PEAS, taxClass: 'luxury', extra: 1 };
    const refused = await product.create(wrong);
    expect(refused.status).toBe(400);
    const pointers = refused.body.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers.sort()).toEqual(['/extra', '/taxClass']);
  });
}

function concurrencyCases(): void {
  it('changes only the version that was seen', async () => {
    const path = await created();
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const body = method === 'DELETE' ? undefined : PEAS;
      expect((await product.call(method, path, { body })).status, method).toBe(428);
      const headers = { 'if-match': '"v2"' };
      expect((await product.call(method, path, { body, headers })).status, method).toBe(412);
      const weak = { 'if-match': 'W/"v1"' };
      expect((await product.call(method, path, { body, headers: weak })).status).toBe(412);
    }
    const seen = await product.get(path);
    const etag = seen.headers.get('etag')!;
    expect(etag).toBe('"v1"');
    const unchanged = await product.get(path, { headers: { 'if-none-match': etag } });
    expect(unchanged.status).toBe(304);
    expect(unchanged.bytes).toHaveLength(0);
  });

  it('lets one of many that saw the same version win', async () => {
    const path = await created();
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        product.call('PATCH', path, {
          body: { name: `Name ${at}` },
          headers: { 'if-match': '"v1"' },
        }),
      ),
    );
    const winners = replies.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    for (const { status } of replies) expect([200, 412, 503]).toContain(status);
    expect((await product.get(path)).body.name).toBe(winners[0]!.body.name);
  });

  it('gives an item to one of many that ask for it at once', async () => {
    const replies = await Promise.all(Array.from({ length: 6 }, () => product.create()));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await product.get('/v1/products')).body.items).toHaveLength(1);
  });
}

function accessCases(): void {
  it('lets everybody of the tenant read, and audits each denial to write', async () => {
    const path = await created();
    expect((await product.get(path, { token: CUSTOMER })).status).toBe(200);
    expect((await product.create(PEAS, { token: CUSTOMER })).status).toBe(403);
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const body = method === 'DELETE' ? {} : { body: PEAS };
      const denied = await product.change(method, path, { token: CUSTOMER, ...body });
      expect(denied.status, method).toBe(403);
    }
    const denials = async () =>
      (await world.audited())
        .filter(({ outcome }) => outcome === 'denied')
        .map(({ action, actor, reasons }) => [action, actor, reasons]);
    const denial = ['product.write', 'usr_customer', ['not by this role']];
    await expect.poll(denials).toEqual([denial, denial, denial, denial]);
  });

  it('asks the policy for each price that changes, and audits its denial', async () => {
    const path = await created();
    const body = { name: 'Dear', prices: [{ currency: 'EUR', minorUnits: 330 }] };
    expect((await product.change('PATCH', path, { body })).status).toBe(403);
    expect((await product.get(path)).body).toMatchObject({ name: 'Garden peas', version: 1 });
    const denials = async () =>
      (await world.audited()).filter(({ outcome }) => outcome === 'denied');
    await expect.poll(denials).toMatchObject([
      {
        action: 'product.price_change',
        reasons: ['not by this role'],
        policyRevision: 'test-1',
        detail: { currency: 'EUR', fromMinorUnits: 329, toMinorUnits: 330 },
      },
    ]);
    const token = 'administrator@dev';
    expect((await product.change('PATCH', path, { body, token })).status).toBe(200);
  });

  it("does not know another tenant's product, whatever is asked of it", async () => {
    const path = await created();
    const options = { token: STRANGER, headers: { 'if-match': '*' } };
    const png = { ...options, headers: { ...options.headers, 'content-type': 'image/png' } };
    const bytes = Buffer.from('89504e470d0a1a0a', 'hex');
    const statuses = [
      await product.get(path, options),
      await product.call('PUT', path, { ...options, body: PEAS }),
      await product.call('PATCH', path, { ...options, body: {} }),
      await product.call('DELETE', path, options),
      await product.get(`${path}/images/a`, options),
      await product.call('PUT', `${path}/images/a`, { ...png, body: bytes }),
      await product.call('DELETE', `${path}/images/a`, options),
      await product.get('/v1/products/prd_1'),
    ].map(({ status }) => status);
    expect(statuses).toEqual(Array(8).fill(404));
    expect((await product.get('/v1/products', options)).body.items).toEqual([]);
    expect((await product.get(path)).body.version).toBe(1);
  });
}

function findCases(): void {
  const NAMES: readonly (readonly [string, string[]])[] = [
    ['Crème brûlée, frozen', ['frozen', 'dessert']],
    ['Creme fraiche', ['dairy']],
    ['Frozen peas', ['frozen']],
    ['Peaches 500 g', ['fruit']],
    ['ICE_cream 100%', ['frozen', 'dessert']],
    ['Weißwurst', []],
    ['酸奶 Йогурт', ['dairy']],
  ];

  it('finds by beginnings of words and by category, the same on each database', async () => {
    for (const [at, [name, categories]] of NAMES.entries()) {
      await created({ ...PEAS, item: `ITEM-${at}`, name, categories, description: '' });
    }
    const expected: Record<string, number[]> = {
      'text=creme': [0, 1],
      // `cre` is a beginning of `cream` and of `creme`; a category is a word, too.
      'text=CRÈ%20froz': [0, 4],
      'text=pea': [2, 3],
      'text=peas': [2],
      'text=item-4': [4],
      'text=cream%20100': [4],
      'text=weisswurst': [5],
      'text=йог': [6],
      'text=酸': [6],
      'text=dess': [0, 4],
      'text=rozen': [],
      'category=frozen': [0, 2, 4],
      'category=froz': [],
      'category=frozen&text=cre': [0, 4],
    };
    for (const [query, found] of Object.entries(expected)) {
      const { body } = await product.get(`/v1/products?${query}`);
      const names = body.items.map(({ name }: { name: string }) => name);
      expect(names, query).toEqual(found.map((at) => NAMES[at]![0]));
    }
    for (const query of ['text=', 'text=%20-', 'text=1+2+3+4+5+6+7+8+9', 'category=A', 'q=1']) {
      expect((await product.get(`/v1/products?${query}`)).status, query).toBe(400);
    }
  });

  it('finds by what the product says now', async () => {
    const path = await created();
    await product.change('PATCH', path, { body: { name: 'Beans', description: '' } });
    const count = async (text: string) =>
      (await product.get(`/v1/products?text=${text}`)).body.items.length;
    expect([await count('garden'), await count('beans'), await count('frz')]).toEqual([0, 1, 1]);
    await product.change('DELETE', path);
    expect(await count('beans')).toBe(0);
  });

  it('pages through all in the order in which they were made', async () => {
    const made: string[] = [];
    for (let at = 0; at < 7; at++) {
      made.push((await product.create({ ...PEAS, item: `ITEM-${at}` })).body.id);
    }
    const seen: string[] = [];
    for (let path: string | undefined = '/v1/products?limit=3'; path; ) {
      const page: Reply = await product.get(path);
      seen.push(...page.body.items.map(({ id }: { id: string }) => id));
      path = /^<(.*)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual(made.toSorted());
  });
}

async function created(fields: object = PEAS): Promise<string> {
  const made = await product.create(fields, { token: MANAGER });
  expect(made.status).toBe(201);
  return `/v1/products/${made.body.id}`;
}

async function eventTypes(): Promise<string[]> {
  return (await world.events('products')).map(({ headers }) => headers['ce_type']!);
}
