import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BrokerWorld, brokerWorld, publishPacket, type TestClient } from './broker.fixture.ts';
import { openSqliteSessions } from './persistence/session-persistence.sqlite.ts';

const TOPIC = 'devices/d1/telemetry/t';

let folders: string[];
let worlds: BrokerWorld[];
beforeEach(() => {
  folders = [];
  worlds = [];
});
afterEach(async () => {
  for (const world of worlds) await world.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-restart-'));
  folders.push(folder);
  return folder;
}

async function start(dataDir: string, reach: (step: string) => void = () => {}) {
  const world = await brokerWorld({}, { dataDir, runtime: testRuntime({ steps: { reach } }) });
  worlds.push(world);
  return world;
}

async function stop(world: BrokerWorld): Promise<void> {
  worlds.splice(worlds.indexOf(world), 1);
  await world.stop();
}

/** A broker that keeps what was on its disk before the first PUBACK or PUBREC left. */
async function startWatched(): Promise<{ world: BrokerWorld; killed: () => string }> {
  const dataDir = newFolder();
  const copy = newFolder();
  let copied = false;
  const world = await start(dataDir, (step) => {
    if (step !== 'broker.puback.before' || copied) return;
    copied = true;
    cpSync(dataDir, copy, { recursive: true });
  });
  return { world, killed: () => copy };
}

const persistent = (clientId: string) => ({ clean: false, clientId });

async function subscribe(client: TestClient, topic = TOPIC, qos = 1): Promise<void> {
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: qos as 1 }] });
  await client.expect('suback');
}

/** A subscriber that stays away while somebody publishes. */
async function leaveSubscriber(world: BrokerWorld, qos = 1): Promise<void> {
  const subscriber = await world.connect().login(persistent('reader'));
  await subscribe(subscriber, TOPIC, qos);
  subscriber.send({ cmd: 'disconnect' });
  await subscriber.expectClosed();
}

async function wills(dataDir: string): Promise<unknown[]> {
  const path = join(dataDir, 'sessions.sqlite');
  const sessions = openSqliteSessions({ path, runtime: testRuntime(), expiryHours: 1 });
  const found: unknown[] = [];
  for await (const will of sessions.streamWill()) found.push(will);
  await sessions.destroy();
  return found;
}

const payloadsOf = (packets: readonly object[]) =>
  packets.map((packet) => String((packet as { payload: Buffer }).payload));

describe('what was acknowledged before the gateway was killed', () => {
  it('is retained for those who subscribe afterwards', async () => {
    const { world, killed } = await startWatched();
    const client = await world.connect().login();
    client.send(publishPacket(5, { retain: true }));
    await client.expect('puback');

    const reader = await (await start(killed())).connect().login({ clientId: 'late' });
    await subscribe(reader, 'devices/+/telemetry/#');
    const [packet] = await reader.expect('publish');
    expect(packet).toMatchObject({ topic: TOPIC, retain: true });
    expect(payloadsOf([packet!])).toEqual(['5']);
  });

  it('is delivered to a persistent session that was away, once', async () => {
    const { world, killed } = await startWatched();
    await leaveSubscriber(world);
    const client = await world.connect().login();
    client.send(publishPacket(5));
    await client.expect('puback');

    const next = await start(killed());
    const reader = await next.connect().login(persistent('reader'));
    const packets = await reader.expect('publish');
    expect(payloadsOf(packets)).toEqual(['5']);
    reader.send({ cmd: 'puback', messageId: packets[0]!.messageId! });
    reader.send({ cmd: 'disconnect' });
    await reader.expectClosed();
    const again = await next.connect().login(persistent('reader'));
    again.send({ cmd: 'pingreq' });
    await again.expect('pingresp');
    await again.expect('publish', 0);
  });

  it('is not doubled in QoS 2, when the publisher sends it again', async () => {
    const { world, killed } = await startWatched();
    await leaveSubscriber(world, 2);
    const client = await world.connect().login(persistent('writer'));
    client.send(publishPacket(5, { qos: 2 }));
    await client.expect('pubrec');

    const next = await start(killed());
    const writer = await next.connect().login(persistent('writer'));
    writer.send(publishPacket(5, { qos: 2, dup: true }));
    await writer.expect('pubrec');
    writer.send({ cmd: 'pubrel', messageId: 5 });
    await writer.expect('pubcomp');
    writer.send(publishPacket(5, { qos: 2, payload: 'another' }));
    await writer.expect('pubrec', 2);
    const reader = await next.connect().login(persistent('reader'));
    expect(payloadsOf(await reader.expect('publish', 2))).toEqual(['5', 'another']);
  });
});

describe('after an orderly restart', () => {
  it('a session is present, and its subscriptions work', async () => {
    const dataDir = newFolder();
    const world = await start(dataDir);
    await leaveSubscriber(world);
    await stop(world);

    const next = await start(dataDir);
    const reader = await next.connect().login(persistent('reader'));
    expect((await reader.expect('connack'))[0]).toMatchObject({ sessionPresent: true });
    const client = await next.connect().login();
    client.send(publishPacket(6));
    expect(payloadsOf(await reader.expect('publish'))).toEqual(['6']);
  });

  it('a QoS 2 delivery goes on where it was, with the same packet id', async () => {
    const dataDir = newFolder();
    const world = await start(dataDir);
    const reader = await world.connect().login(persistent('reader'));
    await subscribe(reader, TOPIC, 2);
    const client = await world.connect().login();
    client.send(publishPacket(5, { qos: 2 }), publishPacket(6, { qos: 2 }));
    const [first, second] = await reader.expect('publish', 2);
    reader.send({ cmd: 'pubrec', messageId: first!.messageId! });
    await reader.expect('pubrel');
    await stop(world);

    const again = await (await start(dataDir)).connect().login(persistent('reader'));
    const [pubrel] = await again.expect('pubrel');
    expect(pubrel!.messageId).toBe(first!.messageId);
    const [repeated] = await again.expect('publish');
    expect(repeated!.messageId).toBe(second!.messageId);
  });

  it('a clean session leaves nothing', async () => {
    const dataDir = newFolder();
    const world = await start(dataDir);
    await leaveSubscriber(world);
    const cleaner = await world.connect().login({ clientId: 'reader' });
    cleaner.send(publishPacket(7));
    await cleaner.expect('puback');
    await stop(world);

    const reader = await (await start(dataDir)).connect().login(persistent('reader'));
    expect((await reader.expect('connack'))[0]).toMatchObject({ sessionPresent: false });
    await reader.expect('publish', 0);
  });

  it('a will waits for the next start, and goes when its client is back', async () => {
    const dataDir = newFolder();
    const world = await start(dataDir);
    const will = { topic: 'pumps/1/gone', payload: Buffer.from('gone'), qos: 1, retain: true };
    await world.connect().login({ clientId: 'pump', will });
    await stop(world);
    expect(world.buffer.appended).toEqual([]);
    expect(await wills(dataDir)).toMatchObject([{ topic: 'pumps/1/gone', clientId: 'pump' }]);

    const next = await start(dataDir);
    const pump = await next.connect().login({ clientId: 'pump' });
    pump.send({ cmd: 'disconnect' });
    await pump.expectClosed();
    await stop(next);
    expect(await wills(dataDir)).toEqual([]);
  });

  it('the gateway starts over a damaged file, and keeps it', async () => {
    const dataDir = newFolder();
    writeFileSync(join(dataDir, 'sessions.sqlite'), 'no database at all'.repeat(500));
    const world = await start(dataDir);
    const client = await world.connect().login();
    client.send(publishPacket(8, { retain: true }));
    await client.expect('puback');
    expect(readdirSync(dataDir).some((name) => name.includes('.damaged-'))).toBe(true);
  });
});
