import { beforeEach, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient } from './api-client.ts';

let requests: { path: string; headers: Record<string, string>; init: RequestInit }[];
let answers: (() => Response | Promise<Response>)[];

beforeEach(() => {
  requests = [];
  answers = [];
});

function json(body: unknown, init: ResponseInit = {}): () => Response {
  return () => new Response(JSON.stringify(body), init);
}

const TOKENS = { accessToken: 'a1', refreshToken: 'r1', expiresInSeconds: 600 };

async function signedIn(): Promise<ApiClient> {
  const client = createApiClient({
    fetch: async (path, init) => {
      requests.push({ path, headers: (init.headers ?? {}) as Record<string, string>, init });
      const next = answers.shift();
      if (!next) throw new TypeError('connection refused');
      return Promise.race([next(), aborted(init.signal!)]);
    },
    storage: { getItem: () => null, setItem: () => {}, removeItem: () => {} },
    now: () => 0,
    chance: () => 0,
    peers: { tell: () => {}, hear: () => {} },
  });
  answers = [json(TOKENS)];
  await client.keeper.signIn('operator', 'right');
  requests = [];
  return client;
}

describe('the client of the API', () => {
  it('sends the token, then the tag, and gives the same object when nothing changed', async () => {
    const client = await signedIn();
    answers = [
      json({ items: [] }, { headers: { etag: '"1"' } }),
      () => new Response(null, { status: 304 }),
    ];
    const first = await client.get('/v1/devices');
    expect(await client.get('/v1/devices')).toBe(first);
    expect(requests[0]!.headers).toEqual({ authorization: 'Bearer a1' });
    expect(requests[1]!.headers['if-none-match']).toBe('"1"');
  });

  it('keeps no tag of what is asked once', async () => {
    const client = await signedIn();
    answers = [json({}, { headers: { etag: '"1"' } }), json({})];
    await client.get('/once', { again: false });
    await client.get('/once', { again: false });
    expect(requests[1]!.headers['if-none-match']).toBeUndefined();
  });

  it('refreshes a refused token once and asks again', async () => {
    const client = await signedIn();
    answers = [
      json({}, { status: 401 }),
      json({ ...TOKENS, accessToken: 'a2', refreshToken: 'r2' }),
      json({ fine: true }),
    ];
    expect(await client.get('/v1/gateways')).toEqual({ fine: true });
    expect(requests.map(({ path }) => path)).toEqual([
      '/v1/gateways',
      '/v1/auth/refresh',
      '/v1/gateways',
    ]);
    expect(requests[2]!.headers.authorization).toBe('Bearer a2');
  });

  it('ends the session when the fresh token is refused, too', async () => {
    const client = await signedIn();
    answers = [json({}, { status: 401 }), json(TOKENS), json({}, { status: 401 })];
    await expect(client.get('/v1/gateways')).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    expect(client.keeper.session.get()).toBeUndefined();
  });

  it('tells a problem by its code and words, and anything else by its status', async () => {
    const client = await signedIn();
    const problem = { type: 'urn:holdfast:error:CONFLICT', detail: 'two sites have it' };
    answers = [json(problem, { status: 409 }), () => new Response('<html>', { status: 502 })];
    await expect(client.get('/a')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'two sites have it',
    });
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('tells no answer from a late one', async () => {
    const client = await signedIn();
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    answers = [() => new Promise(() => {})];
    const late = client.get('/a', { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('forgets what one user saw before the next signs in', async () => {
    const client = await signedIn();
    answers = [json({}, { headers: { etag: '"1"' } })];
    await client.get('/a');
    client.keeper.signOut();
    answers = [json(TOKENS), json({})];
    await client.keeper.signIn('other', 'right');
    await client.get('/a');
    expect(requests.at(-1)!.headers['if-none-match']).toBeUndefined();
  });
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

describe('a change through the client', () => {
  it('carries its key and the tag it was made from, and repeats both after a 401', async () => {
    const client = await signedIn();
    answers = [
      () => new Response('', { status: 401 }),
      json({ ...TOKENS, accessToken: 'a2' }),
      json({ id: 'prd_1' }, { status: 201 }),
    ];
    const change = { body: { name: 'Peas' }, idempotencyKey: 'key-1', ifMatch: '"v3"' };
    expect(await client.change('POST', '/v1/products', change)).toEqual({ id: 'prd_1' });
    const [first, , second] = requests;
    expect(second!.headers).toEqual({
      'content-type': 'application/json',
      'idempotency-key': 'key-1',
      'if-match': '"v3"',
      authorization: 'Bearer a2',
    });
    expect(first!.headers['idempotency-key']).toBe('key-1');
    expect(second!.init).toMatchObject({ method: 'POST', body: '{"name":"Peas"}' });
  });

  it("throws the cloud's reasons, with the fields that they are about", async () => {
    const client = await signedIn();
    const errors = [{ pointer: '/quantity', detail: 'must be positive' }];
    const type = 'urn:holdfast:error:REQUEST_INVALID';
    answers = [json({ type, detail: '/quantity: must be positive', errors }, { status: 400 })];
    const refused = client.change('POST', '/v1/stock/movements', { body: {} });
    await expect(refused).rejects.toMatchObject({ code: 'REQUEST_INVALID', fields: errors });
  });

  it('takes an answer without a body, and sends a file as what it is', async () => {
    const client = await signedIn();
    answers = [() => new Response(null, { status: 204 })];
    const body = new Blob(['x'], { type: 'image/png' });
    expect(await client.change('PUT', '/v1/products/p/images/main', { body })).toBeUndefined();
    expect(requests[0]!.headers['content-type']).toBe('image/png');
    expect(requests[0]!.init.body).toBe(body);
  });

  it('knows the tag of what was read', async () => {
    const client = await signedIn();
    answers = [json({}, { headers: { etag: '"v7"' } })];
    await client.get('/v1/products/p');
    expect(client.tagOf('/v1/products/p')).toBe('"v7"');
    expect(client.tagOf('/v1/products/q')).toBeUndefined();
  });
});
