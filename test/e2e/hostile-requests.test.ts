import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '@holdfast/cloud/auth/tokens.fixture.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import type { Secrets } from '@holdfast/cloud/platform/secrets/secrets.ts';
import { TARGET_NAMES } from '@holdfast/cloud/targets.ts';
import { fetchServiceToken } from '@holdfast/cloud/wiring/peers.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openShop, type Shop } from '../load/orders/shop.ts';
import { serviceSecret } from './asking-peers.ts';
import { eventually } from './eventually.ts';
import { LiveOrders, ticketOf } from './live-orders.ts';
import {
  type Caller,
  CONFIRMED_TIMEOUT_MS,
  callerOf,
  orderOf,
  postOrder,
  stockUp,
  type Ware,
} from './shopping.ts';

// What nobody should send, to a process that listens: each has its proper answer.

const runtime = testRuntime();
let dir: string;
let shop: Shop;
let secrets: Secrets;
let boss: Caller;
let customer: Caller;
let ware: Ware;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'));
  shop = await openShop({ dir, plan: { all: TARGET_NAMES } });
  secrets = openFileSecrets({ dir: join(dir, 'secrets'), runtime });
  boss = await callerOf(shop, 'all', 'admin');
  customer = await callerOf(shop, 'all', 'customer');
  ware = await stockUp({ catalogue: boss, stock: boss }, 10);
});
afterAll(async () => {
  await shop?.close();
  await secrets?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function told(answer: Promise<Response>): Promise<string> {
  const { status, body } = await answer.then(async (each) => ({
    status: each.status,
    body: (await each.json()) as { code?: string },
  }));
  return `${status} ${body.code ?? ''}`.trim();
}

describe('a token', () => {
  const principal: Principal = {
    subject: 'usr_boss',
    tenant: 'dev',
    sites: ['*'],
    roles: ['administrator'],
  };
  const base64 = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  /** What a token of ours says, under another header and signature. */
  const resigned = (token: string, header: object, sign: (text: string) => string): string => {
    const text = `${base64(header)}.${token.split('.')[1]}`;
    return `${text}.${sign(text)}`;
  };

  it('of ours is taken, and none that is forged, expired or for another door', async () => {
    const good = await signToken(secrets, principal);
    const { keys } = (await (await fetch(`${boss.url}/.well-known/jwks.json`)).json()) as {
      keys: [JsonWebKey & { kid: string }];
    };
    const [jwk] = keys;
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const hmac = (key: string | Buffer) => (text: string) =>
      createHmac('sha256', key).update(text).digest('base64url');
    const service = await fetchServiceToken({
      url: boss.url,
      target: 'order',
      secret: await serviceSecret(secrets, 'order', runtime),
      nowMs: Date.now(),
    });
    const tokens = {
      'without a signature': resigned(good, { alg: 'none' }, () => ''),
      'signed with the public key': resigned(good, { alg: 'HS256', kid: jwk.kid }, hmac(pem)),
      'signed with the key set': resigned(
        good,
        { alg: 'HS256', kid: jwk.kid },
        hmac(JSON.stringify(jwk)),
      ),
      "with the signature of another's claims": `${good.split('.')[0]}.${base64({
        ...principal,
        tenant: 'other',
      })}.${good.split('.')[2]}`,
      'signed with another key': await signToken(secrets, principal, { forged: true }),
      'that expired': await signToken(secrets, principal, { issuedMsAgo: 3_600_000 }),
      'for another audience': await signToken(secrets, principal, {
        audience: 'holdfast-internal',
      }),
      'of a service': service.token,
    };
    const ask = (token: string) =>
      fetch(`${boss.url}/v1/orders`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask(good)).status).toBe(200);
    for (const [name, token] of Object.entries(tokens)) {
      expect([name, await told(ask(token))]).toEqual([name, '401 TOKEN_INVALID']);
    }
  });
});

describe('a change', () => {
  it('of what was changed meanwhile, or of what was not looked at, is refused', async () => {
    const path = `${boss.url}/v1/products/${ware.productId}`;
    const authorization = `Bearer ${boss.token}`;
    const patch = (name: string, headers: object) =>
      fetch(path, {
        method: 'PATCH',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name }),
      });
    const seen = (await fetch(path, { headers: { authorization } })).headers.get('etag')!;
    expect((await patch('first', { 'if-match': seen })).status).toBe(200);
    expect(await told(patch('second', { 'if-match': seen }))).toBe('412 PRECONDITION_FAILED');
    expect(await told(patch('third', {}))).toBe('428 PRECONDITION_REQUIRED');
  });
});

describe('GraphQL', () => {
  const refusalOf = async (query: string): Promise<string> => {
    const answer = await fetch(`${boss.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${boss.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const text = await answer.text();
    return /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? text;
  };

  it('asks for no more than the limits, however it is written', async () => {
    const bomb = Array.from({ length: 1_000 }, (_, at) => `a${at}: __typename`).join(' ');
    expect(await refusalOf(`{ ${bomb} }`)).toBe('QUERY_TOO_COMPLEX');
    const deep = `{ products { edges { node ${'{ stock '.repeat(50)} ${'}'.repeat(50)} } } }`;
    expect(await refusalOf(deep)).toBe('QUERY_TOO_COMPLEX');
    expect(await refusalOf(`{ __typename ${'#'.repeat(1_000_000)} }`)).toMatch(/TOO_LARGE$/);
    expect(await refusalOf('{ __typename }')).toContain('"data"');
  });
});

describe('SOAP', () => {
  it('with a document type is refused by the acquirer before anything reads it', async () => {
    const entity = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>';
    const body = `${entity}<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"/>`;
    const headers = { 'content-type': 'text/xml' };
    const answer = await fetch(`${shop.sandboxUrl}/soap`, { method: 'POST', headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain('root:');
  });
});

describe('a WebSocket', () => {
  /** The status that the upgrade is answered with. */
  const upgrade = (ticket: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked = request(`${boss.url}/v1/ws?ticket=${ticket}`, {
        headers: {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        },
      });
      asked.on('response', ({ statusCode }) => resolve(statusCode));
      asked.on('upgrade', ({ statusCode }, socket) => {
        socket.destroy();
        resolve(statusCode);
      });
      asked.on('error', reject);
      asked.end();
    });

  it('opens by a ticket, once, and by nothing else', async () => {
    const ticket = await ticketOf(customer);
    expect(await upgrade('')).toBe(401);
    expect(await upgrade(customer.token)).toBe(401);
    expect(await upgrade(`${ticket.slice(0, -4)}AAAA`)).toBe(401);
    expect(await upgrade(ticket)).toBe(101);
    expect(await upgrade(ticket)).toBe(401);
  });

  it('is told of a channel that is none, and closed for a frame that is too large', async () => {
    const live = await LiveOrders.watch(customer);
    live.say({ type: 'subscribe', channel: 'payments' });
    expect(await live.frame('error')).toMatchObject({ code: 'NOT_FOUND' });
    live.say({ type: 'subscribe', channel: 'x'.repeat(100_000) });
    await eventually('the end of the connection', () => live.closed);
    expect(live.closed?.code).toBe(1009);
  });

  it('ends with 1001 and a resume token when the process stops, and goes on with it', async () => {
    const live = await LiveOrders.watch(customer);
    await shop.processes.get('all')!.stop();
    const { resumeToken } = await live.frame('closing');
    await eventually('the end of the connection', () => live.closed);
    expect(live.closed).toEqual({ code: 1001, reason: resumeToken });
    shop.start('all');
    await shop.ready('all');
    const placed = await postOrder(customer, orderOf(ware));
    const { id } = (await placed.json()) as { id: string };
    const again = await LiveOrders.watch(customer, resumeToken);
    const isShown = (): boolean => again.shown(id).includes('order.confirmed.v1');
    await eventually('what came since', isShown, CONFIRMED_TIMEOUT_MS);
    again.close();
  });
});
