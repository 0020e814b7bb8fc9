import { execFile } from 'node:child_process';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generate, type Packet, parser } from 'mqtt-packet';
import { afterEach, expect, test } from 'vitest';
import type { LoadResult, LoadShape } from './load-shape.ts';

const PUBLISHER = fileURLToPath(new URL('publisher.ts', import.meta.url));
const CLIENTS = 3;
const IN_FLIGHT = 8;

/** Which ids a broker acknowledges when it gets a message. */
type Answer = (messageId: number) => readonly number[];

let server: Server | undefined;
let acknowledged = 0;
let received: Buffer[] = [];
afterEach(() => void server?.close());

async function publishTo(answer: Answer): Promise<LoadResult> {
  const shape: LoadShape = {
    port: await listen(answer),
    clients: CLIENTS,
    payloadBytes: 256,
    warmUpMs: 50,
    measureMs: 200,
    pace: { kind: 'window', inFlight: IN_FLIGHT },
  };
  const done = await promisify(execFile)(process.execPath, [PUBLISHER, JSON.stringify(shape)]);
  return JSON.parse(done.stdout) as LoadResult;
}

function listen(answer: Answer): Promise<number> {
  acknowledged = 0;
  received = [];
  const listening = createServer((socket) => {
    const parsing = parser();
    parsing.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect')
        socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }));
      if (packet.cmd !== 'publish') return;
      received.push(packet.payload as Buffer);
      for (const messageId of answer(packet.messageId!)) {
        acknowledged += 1;
        socket.write(generate({ cmd: 'puback', messageId }));
      }
    });
    socket.on('data', (bytes) => void parsing.parse(bytes));
    socket.on('error', () => socket.destroy());
  });
  server = listening;
  return new Promise((resolve) => {
    listening.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port));
  });
}

test('counts each acknowledgement that a server sent, and each message that it got', async () => {
  const result = await publishTo((id) => [id]);
  expect(result.ackedInAll).toBe(acknowledged);
  expect(result.sentInAll).toBe(received.length);
  expect(result.unacked).toBe(0);
  expect(result.acked).toBeGreaterThan(0);
  expect(result.acked).toBeLessThanOrEqual(result.ackedInAll);
  expect(new Set(received.map(({ byteLength }) => byteLength))).toEqual(new Set([256]));
});

test('keeps to its window, and reports what was not acknowledged', async () => {
  const result = await publishTo(() => []);
  expect(result).toMatchObject({ acked: 0, ackedInAll: 0, unacked: CLIENTS * IN_FLIGHT });
  expect(received).toHaveLength(CLIENTS * IN_FLIGHT);
});

test('fails when an acknowledgement comes twice', async () => {
  await expect(publishTo((id) => [id, id])).rejects.toMatchObject({
    stderr: expect.stringContaining('acknowledged, but not in flight'),
  });
});
