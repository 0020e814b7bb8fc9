import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePorts } from '../e2e/free-ports.ts';
import { type Line, type LineOptions, startLine } from './line.ts';

/** Answers with what it gets. */
let echo: Server;
let line: Line;
let ports: number[];

beforeEach(async () => {
  ports = await freePorts(2);
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  echo.listen(ports[0], '127.0.0.1');
  await once(echo, 'listening');
});

afterEach(async () => {
  await line.close();
  echo.close();
});

async function open(options: Omit<LineOptions, 'listenPort' | 'targetPort'>): Promise<Socket> {
  line = await startLine({ ...options, targetPort: ports[0]!, listenPort: ports[1]! });
  const socket = dial(ports[1]!, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

test('carries everything in order to its end, slowly and late too, and counts it', async () => {
  const socket = await open({ bytesPerSecond: 400_000, delayMs: 20 });
  const sent = Buffer.from(Array.from({ length: 60_000 }, (_, at) => at % 251));
  const startedMs = performance.now();
  socket.end(sent);
  const got = await readAll(socket);
  const tookMs = performance.now() - startedMs;
  expect(got.equals(sent)).toBe(true);
  expect(line.bytes()).toEqual({ up: sent.length, down: sent.length });
  // No faster than the line: 150 ms of bytes, and the delay twice.
  expect(tookMs).toBeGreaterThanOrEqual(185);
});

test('holds back what is sent while it is cut, and delivers it when it is healed', async () => {
  const socket = await open({});
  line.cut(['down']);
  socket.write('up is open');
  while (line.bytes().up === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(line.bytes()).toEqual({ up: 10, down: 0 });
  line.heal();
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('up is open');
  socket.destroy();
});

test('a reset ends both sides with an error', async () => {
  const socket = await open({});
  socket.write('x');
  await once(socket, 'data');
  const failed = once(socket, 'error');
  line.reset();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  expect(line.connections()).toBe(0);
});
