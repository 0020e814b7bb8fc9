import { type Principal, ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openMemoryKv } from '../kv/kv.memory.ts';
import { addRoute, createApi } from './api.ts';
import { tagged, versionTag } from './entity-tag.ts';
import { createRateLimiter, rateLimitSettingsSchema } from './rate-limit.ts';

const CUSTOMER: Principal = { subject: 'usr_1', tenant: 'dev', sites: [], roles: ['customer'] };

const verifier: TokenVerifier = {
  async verify(header) {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const roles = header.slice('Bearer '.length).split(',') as Principal['roles'];
    return { ...CUSTOMER, roles };
  },
};

const order = z.strictObject({
  lines: z.array(z.strictObject({ item: z.string(), count: z.int() })),
});
const params = z.strictObject({ id: z.string().regex(/^ord_/) });
const common = { tag: 'orders', answers: { 200: { description: 'What came.' } } } as const;

function open(limits?: object) {
  const clock = simulatedClock();
  const runtime = testRuntime({ clock });
  const settings = rateLimitSettingsSchema.parse(limits ?? {});
  const limiter = createRateLimiter({ kv: openMemoryKv({ runtime }), clock, settings });
  const api = createApi({ app: createApp(runtime), verifier, ...(limits ? { limiter } : {}) });
  const one = { ...common, path: '/v1/orders/{id}', params, caller: ROLES } as const;
  const customers = { ...one, caller: ['customer'] } as const;
  addRoute(api, { ...customers, method: 'get', summary: 'Read' }, ({ c, params: { id } }) =>
    tagged(c, { id }, { tag: versionTag(3n) }),
  );
  addRoute(
    api,
    { ...one, method: 'put', summary: 'Change', needsIfMatch: true, body: order },
    (call) => {
      call.ifMatch.require(versionTag(3n));
      return call.c.json({ id: call.params.id, ...call.body });
    },
  );
  const list = {
    ...common,
    method: 'get',
    path: '/v1/orders',
    summary: 'List',
    caller: 'public',
    query: z.strictObject({ state: z.enum(['placed', 'confirmed']).optional() }),
    headers: z.strictObject({ 'x-trace': z.string().max(3).optional() }),
  } as const;
  addRoute(api, list, ({ c, query, headers }) => c.json({ ...query, ...headers }));
  const place = { ...common, method: 'post', path: '/v1/orders', summary: 'Place' } as const;
  addRoute(
    api,
    { ...place, caller: ROLES, creates: true, body: order },
    ({ c, idempotency, body }) => c.json({ idempotency, body }),
  );
  const upload = { mediaTypes: ['image/png'], bytesMax: 400_000 };
  const image = { ...one, path: '/v1/orders/{id}/image', summary: 'Upload', upload } as const;
  addRoute(api, { ...image, method: 'put' }, ({ c, body }) =>
    c.json({ mediaType: body.mediaType, bytes: body.bytes.length }),
  );
  const ask = async (method: string, path: string, sent: Sent = {}) => {
    const { body, type = 'application/json', as = 'customer', headers = {} } = sent;
    const token = as === undefined ? {} : { authorization: `Bearer ${as}` };
    const init = {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...token, ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    };
    const response = await api.app.fetch(new Request(`http://cloud${path}`, init));
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  };
  return { ask, clock, api };
}

interface Sent {
  readonly body?: unknown;
  readonly type?: string;
  readonly as?: string;
  readonly headers?: Record<string, string>;
}

type Asked = Awaited<ReturnType<ReturnType<typeof open>['ask']>>;
const told = ({ status, body }: Asked): unknown[] => [status, body.code];
const pointers = ({ body }: Asked): string[] =>
  body.errors.map((error: { pointer: string }) => error.pointer);
const LINES = { lines: [{ item: 'FRZ-PEAS-1KG', count: 2 }] };
const KEY = { 'idempotency-key': 'k-1' };

describe('what a route checks before its handler', () => {
  it('asks for a token, and then for a role', async () => {
    const { ask, api } = open();
    const bare = await api.app.fetch(new Request('http://cloud/v1/orders/ord_1'));
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="holdfast"',
    ]);
    expect(told(await ask('GET', '/v1/orders/ord_1', { as: 'operator' }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    expect((await ask('GET', '/v1/orders/ord_1')).body).toEqual({ id: 'ord_1' });
  });

  it('finds nothing where the path has no id', async () => {
    const { ask } = open();
    expect(told(await ask('GET', '/v1/orders/usr_1'))).toEqual([404, 'NOT_FOUND']);
  });

  it('names each wrong or unknown parameter, and takes none twice', async () => {
    const { ask } = open();
    const wrong = await ask('GET', '/v1/orders?state=lost&color=red');
    expect(told(wrong)).toEqual([400, 'REQUEST_INVALID']);
    expect(pointers(wrong).sort()).toEqual(['/color', '/state']);
    expect(pointers(await ask('GET', '/v1/orders?state=placed&state=placed'))).toEqual(['/state']);
    expect(pointers(await ask('GET', '/v1/orders/ord_1?x=1'))).toEqual(['/x']);
    const header = await ask('GET', '/v1/orders', { headers: { 'x-trace': 'long' } });
    expect(pointers(header)).toEqual(['/x-trace']);
    const fine = await ask('GET', '/v1/orders?state=placed', { headers: { 'x-trace': 'abc' } });
    expect(fine.body).toEqual({ state: 'placed', 'x-trace': 'abc' });
  });

  it('takes JSON alone, and names each wrong or unknown field', async () => {
    const { ask } = open();
    const place = (body: unknown, type?: string) =>
      ask('POST', '/v1/orders', { body, headers: KEY, ...(type ? { type } : {}) });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      expect(told(await place(LINES, type))).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    expect((await place(LINES, 'application/json; charset=utf-8')).status).toBe(200);
    expect(told(await place('{'))).toEqual([400, 'REQUEST_INVALID']);
    expect(told(await place(undefined))).toEqual([400, 'REQUEST_INVALID']);
    const wrong = await place({ lines: [{ item: 'a', count: 1.5, price: 1 }], note: '' });
    expect(pointers(wrong).sort()).toEqual(['/lines/0/count', '/lines/0/price', '/note']);
    const large = await place({ lines: [{ item: 'x'.repeat(300_000), count: 1 }] });
    expect(told(large)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it('takes bytes of a type, up to a number', async () => {
    const { ask } = open();
    const put = (body: string, type: string) =>
      ask('PUT', '/v1/orders/ord_1/image', { body, type });
    expect((await put('x'.repeat(400_000), 'image/png')).body).toEqual({
      mediaType: 'image/png',
      bytes: 400_000,
    });
    expect(told(await put('x'.repeat(400_001), 'image/png'))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(told(await put('1', 'image/gif'))).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it('needs a key where it creates, and says who sent what by which key', async () => {
    const { ask } = open();
    const place = (key?: string, body: unknown = LINES) =>
      ask('POST', '/v1/orders', {
        body,
        headers: key === undefined ? {} : { 'idempotency-key': key },
      });
    expect(told(await place())).toEqual([400, 'IDEMPOTENCY_KEY_MISSING']);
    expect(pointers(await place('two words'))).toEqual(['/Idempotency-Key']);
    expect(pointers(await place('k'.repeat(256)))).toEqual(['/Idempotency-Key']);
    const { idempotency } = (await place('k-1')).body;
    expect(idempotency).toMatchObject({
      principal: CUSTOMER,
      route: 'POST /v1/orders',
      key: 'k-1',
    });
    expect((await place('"k-1"')).body.idempotency).toEqual(idempotency);
    const other = (await place('k-1', { lines: [] })).body.idempotency;
    expect(other.fingerprint).not.toBe(idempotency.fingerprint);
  });

  it('needs the tag of what was seen, and compares it strongly', async () => {
    const { ask } = open();
    const put = (tag?: string) =>
      ask('PUT', '/v1/orders/ord_1', {
        body: LINES,
        headers: tag === undefined ? {} : { 'if-match': tag },
      });
    expect(told(await put())).toEqual([428, 'PRECONDITION_REQUIRED']);
    for (const tag of ['"v2"', 'W/"v3"', 'v3']) {
      expect(told(await put(tag))).toEqual([412, 'PRECONDITION_FAILED']);
    }
    for (const tag of ['"v3"', '"v2", "v3"', '*']) expect((await put(tag)).status).toBe(200);
  });

  it('tells which methods a path takes, and what is no path', async () => {
    const { ask } = open();
    const wrong = await ask('DELETE', '/v1/orders/ord_1');
    expect(told(wrong)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(wrong.headers.get('allow')).toBe('HEAD, GET, PUT');
    expect(told(await ask('PATCH', '/v1/nothing'))).toEqual([404, 'NOT_FOUND']);
  });
});

describe('rate limits', () => {
  it('say on each answer what is left, and refuse until the window ends', async () => {
    const { ask, clock } = open({ readsPerMinuteMax: 2, writesPerMinuteMax: 1 });
    const read = () => ask('GET', '/v1/orders/ord_1');
    const first = await read();
    expect(first.headers.get('ratelimit-policy')).toBe('"read";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"read";r=1;t=\d+$/);
    expect((await ask('GET', '/v1/orders/usr_1')).headers.get('ratelimit')).toMatch(/r=0/);
    const refused = await read();
    expect(told(refused)).toEqual([429, 'RATE_LIMITED']);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(refused.headers.get('ratelimit')).toBe(`"read";r=0;t=${seconds}`);
    // Writing has a budget of its own.
    expect((await ask('POST', '/v1/orders', { body: LINES, headers: KEY })).status).toBe(200);
    await clock.advance(seconds * 1000);
    expect((await read()).status).toBe(200);
  });
});

it('refuses a route that contradicts itself when it is added', () => {
  const { api } = open();
  const route = { ...common, method: 'get', summary: 'x', caller: 'public' } as const;
  const add = (more: object) => () =>
    addRoute(api, { ...route, path: '/v1/orders', ...more }, ({ c }) => c.body(null));
  expect(add({})).toThrow(/a route already/);
  expect(add({ path: '/v1/x/{id}' })).toThrow(/params of its path/);
  expect(add({ path: '/v1/x', creates: true })).toThrow(/so it is a POST/);
  expect(add({ path: '/v1/x', list: true })).toThrow(/limit and cursor/);
});
