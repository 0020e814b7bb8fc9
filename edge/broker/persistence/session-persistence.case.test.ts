import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteSessions } from './session-persistence.sqlite.ts';
import {
  type MqttPacket,
  QUEUE_COUNT_MAX,
  RETAINED_COUNT_MAX,
  SESSIONS_MAX,
  type SessionPersistence,
  SUBSCRIPTIONS_PER_SESSION_MAX,
} from './session-persistence.ts';

const SUITE = fileURLToPath(new URL('./session-persistence.case.child.ts', import.meta.url));
const READER = { id: 'reader', clean: false };

let folder: string;
let path: string;
let opened: SessionPersistence[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-sessions-'));
  path = join(folder, 'sessions.sqlite');
  opened = [];
});
afterEach(async () => {
  for (const sessions of opened) await sessions.destroy();
  rmSync(folder, { recursive: true, force: true });
});

async function open(runtime: Runtime = testRuntime(), id = 'b1'): Promise<SessionPersistence> {
  const sessions = openSqliteSessions({ path, runtime, expiryHours: 2 });
  opened.push(sessions);
  await sessions.setup({ id, clients: {} });
  return sessions;
}

function publish(changes: MqttPacket = {}): MqttPacket {
  const payload = Buffer.from('21.5');
  return { cmd: 'publish', topic: 'a/b', payload, qos: 1, retain: false, ...changes };
}

const subscription = (topic: string, qos = 1) => ({ topic, qos, rh: 0, rap: true, nl: false });

async function listOf(stream: AsyncIterable<MqttPacket>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { payload } of stream) texts.push(String(payload));
  return texts;
}

async function metric(runtime: Runtime, name: string): Promise<number> {
  const lines = (await runtime.metrics.text()).split('\n');
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? 0);
}

it('passes the suite of aedes-persistence', async () => {
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', SUITE]);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text;
    });
  const [code] = await once(child, 'close');
  expect(code, said).toBe(0);
  expect(said).toMatch(/^# fail 0$/m);
  expect(Number(/^# pass (\d+)$/m.exec(said)?.[1])).toBeGreaterThanOrEqual(50);
});

describe('opened again', () => {
  it('has the wills that its predecessor could not publish', async () => {
    const before = await open();
    await before.putWill({ id: 'pump' }, publish({ topic: 'pumps/1/gone', retain: true }));
    await before.destroy();
    const sessions = await open(testRuntime(), 'b2');
    const wills: MqttPacket[] = [];
    for await (const will of sessions.streamWill({ b2: 1 })) wills.push(will);
    expect(wills).toMatchObject([{ topic: 'pumps/1/gone', clientId: 'pump', brokerId: 'b1' }]);
    await sessions.putWill({ id: 'pump' }, publish());
    expect(await listOf(sessions.streamWill({ b2: 1 }))).toEqual([]);
  });

  it('has subscriptions, the queue in order, and retained messages', async () => {
    const before = await open();
    await before.addSubscriptions(READER, [subscription('a/+'), subscription('a/#', 2)]);
    const payloads = ['1', '2', '3'].map((text) => Buffer.from(text));
    await Promise.all(
      payloads.map((payload) => before.prepare(null, publish({ payload, retain: true }))!()),
    );
    await before.destroy();
    const sessions = await open();
    expect(await sessions.subscriptionsByClient(READER)).toHaveLength(2);
    expect(await sessions.subscriptionsByTopic('a/b')).toHaveLength(2);
    // Two of its subscriptions match, and it is one client.
    expect(await listOf(sessions.outgoingStream(READER))).toEqual(['1', '2', '3']);
    expect(await listOf(sessions.createRetainedStream('+/b'))).toEqual(['3']);
  });

  it('sets a damaged file aside and starts', async () => {
    const before = await open();
    await before.storeRetained(publish({ payload: Buffer.alloc(50_000, 'x') }));
    await before.destroy();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x5a, 4096, bytes.length));
    const sessions = await open();
    expect(await listOf(sessions.createRetainedStream('#'))).toEqual([]);
    await sessions.storeRetained(publish());
    expect(readdirSync(folder).some((name) => name.includes('.damaged-'))).toBe(true);
  });
});

describe('the operations of one turn', () => {
  it('share one commit, and none resolves before it', async () => {
    const steps: string[] = [];
    const sessions = await open(testRuntime({ steps: { reach: (step) => steps.push(step) } }));
    const done = Array.from({ length: 50 }, (_, at) =>
      sessions.addSubscriptions({ id: `c${at}` }, [subscription('a/b')]).then(() => steps.push('')),
    );
    expect(steps).toEqual([]);
    await Promise.all(done);
    expect(steps.slice(0, 3)).toEqual(['sessions.before-commit', 'sessions.committed', '']);
    expect(steps.filter((step) => step !== '')).toHaveLength(2);
  });
});

describe('prepare', () => {
  it('has nothing to do for a message that concerns no session', async () => {
    const sessions = await open();
    await sessions.addSubscriptions(READER, [subscription('x/y'), subscription('a/b', 0)]);
    expect(sessions.prepare(null, publish())).toBeUndefined();
    expect(sessions.prepare(null, publish({ topic: 'x/y', qos: 0 }))).toBeUndefined();
    expect(sessions.prepare(null, publish({ topic: 'x/y' }))).toBeTypeOf('function');
  });

  it('writes once what Aedes writes again', async () => {
    const sessions = await open();
    await sessions.addSubscriptions(READER, [subscription('a/b')]);
    const packet = publish({ retain: true });
    await sessions.prepare(null, packet)!();
    const copy = { ...packet, brokerId: 'b1', brokerCounter: 7 };
    await sessions.storeRetained(copy);
    await sessions.outgoingEnqueueCombi([{ clientId: 'reader' }, { clientId: 'other' }], copy);
    await sessions.outgoingUpdate(READER, { ...copy, messageId: 9 });
    expect(await listOf(sessions.outgoingStream(READER))).toHaveLength(1);
    expect(await listOf(sessions.outgoingStream({ id: 'other' }))).toHaveLength(1);
    const cleared = await sessions.outgoingClearMessageId(READER, { cmd: 'puback', messageId: 9 });
    expect(cleared).toMatchObject({ topic: 'a/b', brokerId: 'b1', brokerCounter: 7 });
    expect(await listOf(sessions.outgoingStream(READER))).toEqual([]);
  });

  it('tells a new QoS 2 message from a repeat', async () => {
    const sessions = await open();
    await sessions.addSubscriptions(READER, [subscription('a/b', 2)]);
    const writer = { id: 'writer', clean: false };
    const first = publish({ qos: 2, messageId: 5 });
    const repeat = publish({ qos: 2, messageId: 5 });
    await Promise.all([first, repeat].map((packet) => sessions.prepare(writer, packet)!()));
    await expect(sessions.incomingGetPacket(writer, first)).rejects.toThrow();
    await expect(sessions.incomingGetPacket(writer, repeat)).resolves.toBeDefined();
    await sessions.incomingStorePacket(writer, first);
    await expect(sessions.incomingGetPacket(writer, first)).resolves.toBeDefined();
    expect(await listOf(sessions.outgoingStream(READER))).toHaveLength(1);
  });
});

describe('at its limit', () => {
  it('a queue drops its oldest that was not sent, and counts it', async () => {
    const runtime = testRuntime();
    const sessions = await open(runtime);
    const enqueue = (at: number) =>
      sessions.outgoingEnqueue(
        { clientId: 'reader' },
        publish({ payload: Buffer.from(`${at}`), brokerId: 'b1', brokerCounter: at }),
      );
    const count = QUEUE_COUNT_MAX + 2;
    await enqueue(1);
    await sessions.outgoingUpdate(READER, publish({ ...delivery(1), messageId: 1 }));
    await Promise.all(Array.from({ length: count - 1 }, (_, at) => enqueue(at + 2)));
    const kept = await listOf(sessions.outgoingStream(READER));
    expect(kept).toHaveLength(QUEUE_COUNT_MAX);
    expect([kept[0], kept[1], kept.at(-1)]).toEqual(['1', '4', `${count}`]);
    expect(await metric(runtime, 'holdfast_broker_queue_dropped_total')).toBe(2);
    // A message that was dropped is delivered all the same to a client that is connected.
    await sessions.outgoingUpdate(READER, publish({ ...delivery(2), messageId: 2 }));
  });

  it('a new topic is not retained, and a known one is', async () => {
    const runtime = testRuntime();
    const sessions = await open(runtime);
    const store = (topic: string) => sessions.storeRetained(publish({ topic }));
    await Promise.all(Array.from({ length: RETAINED_COUNT_MAX }, (_, at) => store(`t/${at}`)));
    await store('one/more');
    await sessions.storeRetained(publish({ topic: 't/0', payload: Buffer.from('new') }));
    expect(await listOf(sessions.createRetainedStreamCombi(['one/more', 't/0']))).toEqual(['new']);
    expect(await metric(runtime, 'holdfast_broker_not_retained_total')).toBe(1);
  });

  it('a new session or subscription is refused, and known ones go on', async () => {
    const runtime = testRuntime();
    const sessions = await open(runtime);
    const filters = Array.from({ length: SUBSCRIPTIONS_PER_SESSION_MAX }, (_, at) =>
      subscription(`a/${at}`),
    );
    await sessions.addSubscriptions(READER, filters);
    await expect(sessions.addSubscriptions(READER, [subscription('b')])).rejects.toThrow('1000');
    await sessions.addSubscriptions(READER, [subscription('a/1', 2)]);
    const others = Array.from({ length: SESSIONS_MAX - 1 }, (_, at) =>
      sessions.addSubscriptions({ id: `c${at}` }, [subscription('a/b')]),
    );
    await Promise.all(others);
    const late = sessions.addSubscriptions({ id: 'late' }, [subscription('a/b')]);
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await metric(runtime, 'holdfast_broker_sessions')).toBe(SESSIONS_MAX);
  });
});

describe('a session', () => {
  it('expires by hours of running, unless its client is there or comes by', async () => {
    const clock = simulatedClock();
    const sessions = openSqliteSessions({ path, runtime: testRuntime({ clock }), expiryHours: 2 });
    opened.push(sessions);
    await sessions.setup({ id: 'b1', clients: { connected: {} } });
    for (const id of ['connected', 'visitor', 'away'])
      await sessions.addSubscriptions({ id }, [subscription('a/b')]);
    await sessions.outgoingEnqueue({ clientId: 'away' }, publish());
    for (let hour = 1; hour <= 3; hour++) {
      expect(await sessions.countOffline()).toMatchObject({ clientsCount: 3 });
      await sessions.subscriptionsByClient({ id: 'visitor' });
      await clock.advance(3_600_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await sessions.countOffline()).toMatchObject({ clientsCount: 2 });
    expect(await listOf(sessions.outgoingStream({ id: 'away' }))).toEqual([]);
  });
});

function delivery(brokerCounter: number): MqttPacket {
  return { brokerId: 'b1', brokerCounter };
}
