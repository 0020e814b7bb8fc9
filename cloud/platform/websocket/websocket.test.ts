import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { type HttpServer, serveHttp } from '@holdfast/shared/runtime/http-server.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { startTracing } from '@holdfast/shared/runtime/tracing.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import type { EventLog } from '../event-log/event-log.ts';
import { createApi } from '../http/api.ts';
import { openMemoryKv } from '../kv/kv.memory.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { createTickets } from './ticket.ts';
import { addTicketRoute } from './ticket-route.ts';
import { type ChannelDefinition, MESSAGE_BYTES_MAX, TICKET_TTL_MS } from './websocket.ts';
import { openWebSockets, type WebSockets } from './websocket.ws.ts';

const ORDERS: ChannelDefinition = {
  name: 'orders',
  topic: 'orders',
  audienceOf: ({ data }) => ({
    customer: data['customer'] as string,
    sites: (data['sites'] as string[] | undefined) ?? [],
  }),
};

const PEOPLE: Readonly<Record<string, Principal>> = {
  anna: { subject: 'anna', tenant: 'dev', sites: [], roles: ['customer'] },
  bert: { subject: 'bert', tenant: 'dev', sites: [], roles: ['customer'] },
  foreign: { subject: 'anna', tenant: 'other', sites: [], roles: ['customer'] },
  operator: { subject: 'op', tenant: 'dev', sites: ['berlin'], roles: ['operator'] },
  boss: { subject: 'boss', tenant: 'dev', sites: ['*'], roles: ['administrator'] },
  service: { subject: 'till', tenant: 'dev', sites: ['*'], roles: ['service'] },
};

// biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
type Frame = any;

class Client {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | undefined;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('message', (data) => this.frames.push(JSON.parse(data.toString())));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('error', () => this.socket.terminate());
  }

  say(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  of(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  subjects(): string[] {
    return this.of('event').map(({ event }) => event.subject);
  }
}

let dir: string;
let log: EventLog;
let runtime: Runtime;
let http: HttpServer;
let sockets: WebSockets;
let clients: Client[];
let nowMs: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-ws-'));
  nowMs = 0;
  const base = testRuntime({ tracing: await startTracing('ws', { exporter: 'memory' }) });
  runtime = { ...base, clock: { ...base.clock, now: () => Date.now() + nowMs } };
  log = await openEmbeddedLog({ dir, runtime, leaseMs: 2_000, writes: 'inline' });
  clients = [];
  await serve();
});
afterEach(async () => {
  for (const { socket } of clients) socket.terminate();
  await sockets.drain();
  await http.close();
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  const kv = openMemoryKv({ runtime });
  const tickets = createTickets({ key: Buffer.alloc(32, 7), kv, runtime });
  sockets = openWebSockets({ channels: [ORDERS], tickets, log, runtime });
  const app = createApp(runtime);
  const verifier = { verify: async (header: string | undefined) => PEOPLE[header!]! };
  addTicketRoute(createApi({ app, verifier }), tickets);
  const { upgrade } = sockets;
  http = await serveHttp(app, { host: '127.0.0.1', port: 0, setting: 'http.port', upgrade });
}

async function ticketOf(who: string): Promise<string> {
  const headers = { authorization: who, 'content-type': 'application/json' };
  const answer = await fetch(`${http.url}/v1/ws/tickets`, { method: 'POST', headers });
  const body = (await answer.json()) as Frame;
  return body.ticket ?? body.code;
}

function connect(ticket: string): Client {
  const client = new Client(`${http.url.replace('http', 'ws')}/v1/ws?ticket=${ticket}`);
  clients.push(client);
  return client;
}

async function watching(who: string, cursor?: string): Promise<Client> {
  const client = connect(await ticketOf(who));
  await expect.poll(() => client.of('welcome').length).toBe(1);
  client.say({ type: 'subscribe', channel: 'orders', ...(cursor ? { cursor } : {}) });
  await expect.poll(() => client.of('subscribed').length).toBe(1);
  return client;
}

const statusOf = (ticket: string): Promise<number> =>
  new Promise((resolve) => {
    const { socket } = connect(ticket);
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.on('open', () => resolve(101));
  });

let sequence = 0;
async function happen(subjects: readonly string[], data: object = {}, more: object = {}) {
  const records = subjects.map((subject) => ({
    key: subject,
    headers: {
      ce_id: `evt_${++sequence}`,
      ce_type: 'order.placed.v1',
      ce_subject: subject,
      ce_time: '2026-01-01T00:00:00Z',
      ce_sequence: '1',
      ce_tenant: 'dev',
      ...more,
    },
    value: Buffer.from(JSON.stringify({ customer: 'anna', ...data })),
  }));
  await log.append('orders', records);
}

describe('a ticket', () => {
  it('opens one connection, for thirty seconds, and nothing else opens any', async () => {
    const ticket = await ticketOf('anna');
    expect(await statusOf(ticket)).toBe(101);
    expect(await statusOf(ticket)).toBe(401);
    expect(await statusOf('')).toBe(401);
    const [content, proof] = (await ticketOf('anna')).split('.') as [string, string];
    const forged = Buffer.from(content, 'base64url').toString().replace('anna', 'bert');
    expect(await statusOf(`${Buffer.from(forged).toString('base64url')}.${proof}`)).toBe(401);
    const late = await ticketOf('anna');
    nowMs = TICKET_TTL_MS;
    expect(await statusOf(late)).toBe(401);
  });

  it('is for people: a service gets none', async () => {
    expect(await ticketOf('service')).toBe('FORBIDDEN');
  });
});

describe('the channel orders', () => {
  it('shows customers their own, staff what lies in their sites, others nothing', async () => {
    const names = ['anna', 'bert', 'foreign', 'operator', 'boss'];
    const watchers = await Promise.all(names.map((name) => watching(name)));
    await happen(['ord_berlin'], { sites: ['berlin'] });
    await happen(['ord_both'], { sites: ['berlin', 'rome'] });
    await happen(['ord_nowhere']);
    await happen(['ord_foreign'], { sites: ['berlin'] }, { ce_tenant: 'other' });
    await happen(['ord_bert'], { customer: 'bert', sites: ['berlin'] });
    const seen = {
      anna: ['ord_berlin', 'ord_both', 'ord_nowhere'],
      bert: ['ord_bert'],
      foreign: ['ord_foreign'],
      operator: ['ord_berlin', 'ord_bert'],
      boss: ['ord_berlin', 'ord_bert', 'ord_both', 'ord_nowhere'],
    };
    await expect
      .poll(() =>
        Object.fromEntries(names.map((name, index) => [name, watchers[index]!.subjects().sort()])),
      )
      .toEqual(seen);
  });

  it('goes on from a cursor with all that came since, and none of it again', async () => {
    const first = await watching('anna');
    await happen(['ord_1']);
    await expect.poll(() => first.subjects()).toEqual(['ord_1']);
    const { cursor } = first.of('event')[0];
    first.socket.close();
    const away = Array.from({ length: 700 }, (_, index) => `ord_away${index}`);
    await happen(away);
    const second = await watching('anna', cursor);
    await happen(['ord_after']);
    await expect.poll(() => second.subjects().length).toBe(701);
    expect(second.subjects().toSorted()).toEqual([...away, 'ord_after'].toSorted());
    expect(second.of('gap')).toEqual([]);
    const elsewhere = await watching('bert', cursor);
    expect(elsewhere.of('event')).toEqual([]);
  });

  it('says so when a cursor is none, or too old', async () => {
    const client = await watching('anna', 'nonsense');
    expect(client.of('gap')).toMatchObject([{ reason: 'cursor-unknown', from: 'nonsense' }]);
    const { cursor } = client.of('subscribed')[0];
    nowMs = 25 * 3_600_000;
    const later = await watching('anna', cursor);
    expect(later.of('gap')).toMatchObject([{ reason: 'cursor-too-old', from: cursor }]);
    const future = formatCursor({ atMs: Date.now(), next: Array(8).fill(10n ** 15n) });
    const ahead = await watching('anna', future);
    expect(ahead.of('gap')).toMatchObject([{ reason: 'cursor-unknown' }]);
  });

  it('says what a slow client missed, and goes on', async () => {
    const slow = await watching('anna');
    slow.socket.pause();
    const text = 'x'.repeat(200_000);
    const subjects: string[] = [];
    // Until what the sockets' own buffers hold is passed by far.
    for (let index = 0; index < 60; index++) subjects.push(`ord_big${index}`);
    for (const subject of subjects) await happen([subject], { text });
    const watcher = await watching('boss');
    await happen(['ord_last'], {});
    await expect.poll(() => watcher.subjects()).toEqual(['ord_last']);
    slow.socket.resume();
    // On a busy machine it may be too slow more than once.
    await expect.poll(() => slow.of('gap')[0]).toMatchObject({ reason: 'too-slow' });
    await happen(['ord_more']);
    await expect.poll(() => slow.subjects()).toContain('ord_more');
    const from = slow.of('gap')[0].from;
    const resumed = await watching('anna', from);
    const missed = subjects.filter((subject) => !slow.subjects().includes(subject));
    expect(missed.length).toBeGreaterThan(0);
    await expect.poll(() => resumed.subjects()).toEqual(expect.arrayContaining(missed));
  });

  it('sends what comes at once to a client that reads, however much it is', async () => {
    const client = await watching('anna');
    const subjects = Array.from({ length: 15 }, (_, index) => `ord_big${index}`);
    await happen(subjects, { text: 'x'.repeat(100_000) });
    await expect.poll(() => client.subjects().toSorted()).toEqual(subjects.toSorted());
    expect(client.of('gap')).toEqual([]);
  });

  it('sends as a child of the span that caused the event', async () => {
    const client = await watching('anna');
    await runtime.tracing.span('request', {}, async ({ traceparent }) => {
      await happen(['ord_1'], {}, { ce_traceparent: traceparent });
    });
    await expect.poll(() => client.subjects()).toEqual(['ord_1']);
    const spans = runtime.tracing.finished();
    const [cause, send] = ['request', 'websocket.send'].map((name) =>
      spans.findLast((span) => span.name === name),
    );
    expect(send?.parentSpanId).toBe(cause?.spanId);
    expect(client.of('event')[0].traceparent).toContain(cause?.traceId);
  });
});

describe('a connection', () => {
  it('ends with 1001 and a resume token, which goes on where it stood', async () => {
    const client = await watching('anna');
    await happen(['ord_1']);
    await expect.poll(() => client.subjects()).toEqual(['ord_1']);
    await sockets.drain();
    await http.close();
    await expect.poll(() => client.closed?.code).toBe(1001);
    const { resumeToken } = client.of('closing')[0];
    expect(client.closed?.reason).toBe(resumeToken);
    await happen(['ord_2']);
    await serve();
    const again = connect(await ticketOf('anna'));
    await expect.poll(() => again.of('welcome').length).toBe(1);
    again.say({ type: 'resume', token: resumeToken });
    await expect.poll(() => again.subjects()).toEqual(['ord_2']);
  });

  it('refuses what is too large, cannot be read, or comes too often', async () => {
    const large = await watching('anna');
    large.say({ type: 'subscribe', channel: 'x'.repeat(MESSAGE_BYTES_MAX) });
    await expect.poll(() => large.closed?.code).toBe(1009);
    const wrong = await watching('anna');
    wrong.socket.send('{');
    await expect.poll(() => wrong.closed?.code).toBe(1008);
    const loud = await watching('anna');
    for (let index = 0; index < 60; index++) loud.say({ type: 'unsubscribe', channel: 'orders' });
    await expect.poll(() => loud.closed?.code).toBe(1008);
  });

  it('is told when there is no such channel, and stays', async () => {
    const client = await watching('anna');
    client.say({ type: 'subscribe', channel: 'secrets' });
    await expect.poll(() => client.of('error')).toMatchObject([{ code: 'NOT_FOUND' }]);
    client.say({ type: 'unsubscribe', channel: 'orders' });
    await expect.poll(() => client.of('unsubscribed').length).toBe(1);
    await happen(['ord_1']);
    const other = await watching('boss');
    await happen(['ord_2']);
    await expect.poll(() => other.subjects()).toEqual(['ord_2']);
    expect(client.of('event')).toEqual([]);
  });
});

describe('a cursor', () => {
  it('comes back as it was, and is short', () => {
    const next = Array.from({ length: 8 }, (_, index) => 2n ** 40n + BigInt(index));
    const text = formatCursor({ atMs: 1_767_225_600_000, next });
    expect(parseCursor(text, 8)).toEqual({ atMs: 1_767_225_600_000, next });
    expect(parseCursor(text, 4)).toBeUndefined();
    expect(text.length).toBeLessThan(110);
  });
});
