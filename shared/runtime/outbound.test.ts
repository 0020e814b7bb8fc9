import { createServer } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { presentedChain, requestJson } from './outbound.ts';

const servers: TcpServer[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function listen(server: TcpServer, scheme = 'http'): Promise<string> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/path`;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  );

it('sends JSON and gives status and JSON, whatever the status', async () => {
  const url = await listen(
    createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method, headers } = request;
      const echo = {
        method,
        type: headers['content-type'],
        body: Buffer.concat(chunks).toString(),
      };
      response.writeHead(409).end(JSON.stringify(echo));
    }),
  );
  const answer = await requestJson({ url, body: { a: 'ä' }, timeoutMs: 5_000 });
  expect(answer).toEqual({
    status: 409,
    body: { method: 'POST', type: 'application/json', body: '{"a":"ä"}' },
  });
  expect((await requestJson({ url, timeoutMs: 5_000 })).body).toMatchObject({ method: 'GET' });
});

it('gives a redirect as it is, and an answer without a body', async () => {
  const url = await listen(
    createServer((_, response) => response.writeHead(302, { location: '/else' }).end()),
  );
  expect(await requestJson({ url, timeoutMs: 5_000 })).toEqual({ status: 302, body: undefined });
});

it('never waits longer than its deadline, for the first byte or for the last', async () => {
  const silent = await listen(createServer(() => {}));
  const slow = await listen(createServer((_, response) => void response.write('{')));
  const deaf = await listen(
    createTcpServer(() => {}),
    'https',
  );
  for (const url of [silent, slow, deaf]) {
    expect(await codeOf(requestJson({ url, timeoutMs: 100 })), url).toBe('DEADLINE_EXCEEDED');
  }
  expect(await codeOf(presentedChain({ url: deaf, timeoutMs: 100 }))).toBe('DEADLINE_EXCEEDED');
});

it('refuses an answer that is no JSON, too large or cut', async () => {
  const page = await listen(createServer((_, response) => void response.end('<html>')));
  const large = await listen(
    createServer((_, response) => void response.end(`"${'x'.repeat(1_100_000)}"`)),
  );
  const cut = await listen(
    createServer((_, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('{');
      setImmediate(() => response.destroy());
    }),
  );
  for (const url of [page, large, cut]) {
    expect(await codeOf(requestJson({ url, timeoutMs: 5_000 })), url).toBe('UNAVAILABLE');
  }
});

it('names a peer that is gone or does not speak TLS', async () => {
  const plain = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }),
    'https',
  );
  expect(await codeOf(requestJson({ url: plain, timeoutMs: 5_000 }))).toBe('UNAVAILABLE');
  expect(await codeOf(presentedChain({ url: plain, timeoutMs: 5_000 }))).toBe('UNAVAILABLE');
  const gone = 'https://127.0.0.1:1/';
  expect(await codeOf(requestJson({ url: gone, timeoutMs: 5_000 }))).toBe('UNAVAILABLE');
  expect(await codeOf(presentedChain({ url: gone, timeoutMs: 5_000 }))).toBe('UNAVAILABLE');
});
