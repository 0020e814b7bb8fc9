import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import type { Context } from 'hono';
import { expect, test } from 'vitest';
import { AppError } from '../lib/app-error.ts';
import { addOperations, createApp, withLimits } from './http.ts';
import { serveHttp } from './http-server.ts';
import { testRuntime } from './runtime.ts';

/** `/held` tells when it is asked, and answers when it may. */
function app(held: { readonly asked?: () => void; readonly until?: Promise<void> } = {}) {
  const runtime = testRuntime();
  const app = createApp(runtime, { bodyBytesMax: 100, requestTimeoutMs: 100 });
  app.get('/slow', () => new Promise<Response>(() => {}));
  const report = async (c: Context) => {
    await setTimeout(150);
    return c.text('reported');
  };
  app.get('/report', withLimits(report, { timeoutMs: 5_000 }));
  app.get('/held', async (c) => {
    held.asked?.();
    await held.until;
    return c.text('held');
  });
  app.post('/echo', async (c) => c.json(await c.req.json()));
  app.get('/bug', () => {
    throw new Error('secret detail');
  });
  app.get('/away', () => {
    const hint = 'look at /etc/secret';
    throw new AppError('UNAVAILABLE', 'secret 10.0.0.7', {
      hint,
      retryAfterMs: 2_000,
      operatorOnly: true,
    });
  });
  app.get('/refused', () => {
    throw new AppError('FORBIDDEN', 'not yours', { hint: 'ask' });
  });
  addOperations(app, { runtime, version: '1', status: () => [], draining: () => false });
  return app;
}

test('answers errors as problem documents and tells nothing of the inside', async () => {
  const refused = await app().request('/refused');
  expect(refused.status).toBe(403);
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(await refused.json()).toMatchObject({
    code: 'FORBIDDEN',
    detail: 'not yours',
    hint: 'ask',
  });
  const bug = await app().request('/bug');
  expect(bug.status).toBe(500);
  expect(await bug.text()).not.toContain('secret');
  const away = await app().request('/away');
  expect(away.status).toBe(503);
  expect(away.headers.get('retry-after')).toBe('2');
  expect(await away.text()).not.toContain('secret');
  expect((await app().request('/nowhere')).status).toBe(404);
  const garbage = await app().request('/echo', { method: 'POST', body: '{' });
  expect(garbage.status).toBe(400);
  const large = await app().request('/echo', {
    method: 'POST',
    body: 'x'.repeat(101),
    headers: { 'content-length': '101' },
  });
  expect(large.status).toBe(413);
});

test('ends a request that takes too long', async () => {
  expect((await app().request('/slow')).status).toBe(504);
});

test('waits longer for a route that says so', async () => {
  expect(await (await app().request('/report')).text()).toBe('reported');
});

test('serves health, readiness, metrics and version', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics', '/version']) {
    expect((await app().request(path)).status, path).toBe(200);
  }
});

test('lets a running request finish and cuts idle connections when it closes', async () => {
  const asked = Promise.withResolvers<void>();
  const until = Promise.withResolvers<void>();
  const held = app({ asked: asked.resolve, until: until.promise });
  const server = await serveHttp(held, { host: '127.0.0.1', port: 0, setting: 'http.port' });
  const idle = connect(server.port, '127.0.0.1');
  const idleClosed = new Promise((resolve) => idle.on('close', resolve));
  await fetch(`${server.url}/healthz`);
  const answer = fetch(`${server.url}/held`);
  await asked.promise;
  const closed = server.close();
  until.resolve();
  await closed;
  expect(await (await answer).text()).toBe('held');
  await idleClosed;
});

test('names the setting when the port is in use', async () => {
  const first = await serveHttp(app(), { host: '127.0.0.1', port: 0, setting: 'http.port' });
  const second = serveHttp(app(), { host: '127.0.0.1', port: first.port, setting: 'http.port' });
  await expect(second).rejects.toMatchObject({ code: 'PORT_IN_USE', hint: /http\.port/ });
  await first.close();
});

test('refuses plain HTTP off loopback', async () => {
  const open = serveHttp(app(), { host: '0.0.0.0', port: 0, setting: 'http.port' });
  await expect(open).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('survives garbage on its port', async () => {
  const server = await serveHttp(app(), { host: '127.0.0.1', port: 0, setting: 'http.port' });
  for (const bytes of [Buffer.from([0x16, 3, 1, 0, 1, 0]), Buffer.from([0, 1, 2, 3, 255])]) {
    const socket = connect(server.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.resume();
    socket.write(bytes);
    socket.end();
    await closed;
  }
  tlsConnect(server.port, '127.0.0.1').on('error', () => {});
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await server.close();
});

test('takes bodies of a length, in chunks, and none, over a socket', async () => {
  const server = await serveHttp(app(), { host: '127.0.0.1', port: 0, setting: 'http.port' });
  const post = (init: RequestInit) => fetch(`${server.url}/echo`, { method: 'POST', ...init });
  const chunked = (text: string): RequestInit => {
    const body = new Blob([text]).stream();
    return { body, duplex: 'half' } as RequestInit;
  };
  expect(await (await post({ body: '{"a":1}' })).json()).toEqual({ a: 1 });
  expect(await (await post(chunked('{"a":2}'))).json()).toEqual({ a: 2 });
  expect((await post(chunked(`"${'x'.repeat(200)}"`))).status).toBe(413);
  expect((await post({ body: `"${'x'.repeat(200)}"` })).status).toBe(413);
  expect((await post({})).status).toBe(400);
  const wrong = await fetch(`${server.url}/echo`, { method: 'DELETE' });
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  await server.close();
});
