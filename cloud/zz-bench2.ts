import { fork } from 'node:child_process';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { createTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { serveHttp } from '@holdfast/shared/runtime/zz-http-server.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { openMemoryKv } from './platform/kv/kv.memory.ts';
import { addRoute, createApi } from './platform/http/api.ts';
import { createRateLimiter, rateLimitSettingsSchema } from './platform/http/rate-limit.ts';
const keys = await generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
const token = await new SignJWT({ tenant: 'dev', sites: [], roles: ['customer'], jti: 'tok_1' }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setSubject('usr_1').setIssuer('holdfast').setAudience('holdfast').setIssuedAt().setExpirationTime('10m').sign(keys.privateKey);
const runtime = testRuntime();
const verifier = createTokenVerifier({ jwks: async () => ({ keys: [jwk] }), clock: systemClock });
const limiter = createRateLimiter({ kv: openMemoryKv({ runtime }), clock: systemClock, settings: rateLimitSettingsSchema.parse({ readsPerMinuteMax: 10_000_000, writesPerMinuteMax: 10_000_000 }) });
const app = createApp(runtime);
const api = createApi({ app, verifier, limiter });
const answers = { 200: { description: 'x' } };
addRoute(api, { method: 'get', path: '/v1/get/{id}', tag: 'x', summary: 'x', caller: ['customer'], params: z.strictObject({ id: z.string() }), answers }, ({ c, params }) => c.json(params));
const order = z.strictObject({ lines: z.array(z.strictObject({ productId: z.string(), quantity: z.int().min(1) })).min(1).max(100), address: z.strictObject({ name: z.string(), street: z.string(), city: z.string(), country: z.string().regex(/^[A-Z]{2}$/) }), paymentToken: z.string().max(256) });
addRoute(api, { method: 'post', path: '/v1/orders', tag: 'x', summary: 'x', caller: ['customer'], body: order, creates: true, answers }, ({ c, idempotency }) => c.json({ id: idempotency.key }, 202));
app.post('/raw', async (c) => { await c.req.json(); return c.json({ a: 1 }, 202); });
const { Hono } = await import('hono');
const body = JSON.stringify({ lines: [{ productId: 'prd_1', quantity: 2 }, { productId: 'prd_2', quantity: 1 }], address: { name: 'A', street: 'B', city: 'C', country: 'NL' }, paymentToken: 'tok_visa' });
const bare = new Hono(); bare.post('/raw', async (c) => { await c.req.json(); return c.json({ a: 1 }, 202); });
const cases = [['bare hono POST', bare, 'POST', '/raw'], ['createApp POST', app, 'POST', '/raw'], ['addRoute GET', app, 'GET', '/v1/get/x'], ['addRoute POST', app, 'POST', '/v1/orders']] as const;
if (process.argv[2] !== 'socket') {
  for (const [name, on, method, path] of cases) {
    const once = () => on.fetch(new Request('http://x' + path, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': String(body.length), 'idempotency-key': 'k' }, ...(method === 'POST' ? { body } : {}) }), { incoming: {} });
    for (let i = 0; i < 5000; i++) await once();
    const u = process.cpuUsage(); for (let i = 0; i < 20000; i++) await once();
    const v = process.cpuUsage(u); console.log('in process', name, ((v.user + v.system) / 20000).toFixed(1), 'us');
  }
}
for (const [name, on, method, path] of cases) {
  const server = await serveHttp(on as never, { host: '127.0.0.1', port: 0, setting: 'x' });
  const child = fork(new URL('./zz-client.ts', import.meta.url), [JSON.stringify({ port: server.port, method, path, token, body })]);
  await new Promise((r) => child.once('message', r));
  const u = process.cpuUsage(); child.send('go'); await new Promise((r) => child.once('message', r));
  const v = process.cpuUsage(u); console.log('over sockets', name, ((v.user + v.system) / 20000).toFixed(1), 'us'); child.kill(); await server.close();
}
process.exit(0);
