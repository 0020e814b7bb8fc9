import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { startTracing } from '@holdfast/shared/runtime/tracing.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashPassword } from '../devices/password.ts';
import { type BrokerWorld, brokerWorld, connectPacket, publishPacket } from './broker.fixture.ts';

let world: BrokerWorld;
beforeEach(async () => {
  world = await brokerWorld();
});
afterEach(() => world.stop());

async function restart(...how: Parameters<typeof brokerWorld>): Promise<void> {
  await world.stop();
  world = await brokerWorld(...how);
}

describe('an acknowledgement', () => {
  it('leaves only after the commit, for QoS 1 and 2', async () => {
    world.buffer.holding = true;
    const client = await world.connect().login();
    client.send(publishPacket(1), publishPacket(2, { qos: 2 }));
    await expect.poll(() => world.buffer.pending.length).toBe(2);
    expect(client.received.map(({ cmd }) => cmd)).toEqual(['connack']);
    world.buffer.commit(2);
    await client.expect('puback');
    await client.expect('pubrec');
  });

  it('leaves in the order of the publishes, also when the commits end in another', async () => {
    world.buffer.holding = true;
    const client = await world.connect().login();
    client.send(...[1, 2, 3, 4].map((id) => publishPacket(id)));
    await expect.poll(() => world.buffer.pending.length).toBe(4);
    const [first, ...others] = world.buffer.pending;
    for (const { resolve } of others.toReversed()) resolve({ kind: 'stored', sequence: 1n });
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.received).toHaveLength(1);
    first!.resolve({ kind: 'duplicate' });
    const pubacks = await client.expect('puback', 4);
    expect(pubacks.map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4]);
  });

  it('of one client does not wait for another', async () => {
    world.buffer.holding = true;
    const slow = await world.connect().login({ clientId: 'slow' });
    slow.send(publishPacket(1));
    await expect.poll(() => world.buffer.pending.length).toBe(1);
    const quick = await world.connect().login({ clientId: 'quick' });
    quick.send(publishPacket(9));
    await expect.poll(() => world.buffer.pending.length).toBe(2);
    world.buffer.pending[1]!.resolve({ kind: 'stored', sequence: 2n });
    await quick.expect('puback');
    expect(slow.received).toHaveLength(1);
  });

  it('is sent for a duplicate', async () => {
    world.buffer.holding = true;
    const client = await world.connect().login();
    client.send(publishPacket(1));
    await expect.poll(() => world.buffer.pending.length).toBe(1);
    world.buffer.commit(1, { kind: 'duplicate' });
    await client.expect('puback');
  });

  it.each([
    ['full', { kind: 'full', lane: 'telemetry' } as const],
    ['unavailable', undefined],
  ])(
    'is not sent when the buffer is %s: the connection is closed and counted',
    async (reason, outcome) => {
      world.buffer.holding = true;
      const client = await world.connect().login();
      client.send(publishPacket(1));
      await expect.poll(() => world.buffer.pending.length).toBe(1);
      if (outcome) world.buffer.commit(1, outcome);
      else world.buffer.pending[0]!.reject(new Error('EIO'));
      await client.expectClosed();
      expect(client.received).toHaveLength(1);
      expect(await world.refused(reason)).toBe(1);
    },
  );

  it('is held for at most half the keep-alive', async () => {
    world.buffer.holding = true;
    const client = await world.connect().login({ keepalive: 1 });
    client.send(publishPacket(1));
    await client.expectClosed();
    expect(await world.refused('held-too-long')).toBe(1);
    world.buffer.commit(1);
  });

  it('reaches the step "broker.puback.before" between commit and PUBACK', async () => {
    const steps: string[] = [];
    await restart(
      {},
      { runtime: testRuntime({ steps: { reach: (step) => void steps.push(step) } }) },
    );
    const client = await world.connect().login();
    client.send(publishPacket(1));
    await client.expect('puback');
    expect(steps).toEqual(['broker.puback.before']);
  });
});

describe('a message', () => {
  it('is appended with its route, flags, key and QoS 2 exchange', async () => {
    const client = await world.connect().login();
    const payload = '{"value":1,"boot":"b","seq":5}';
    client.send(publishPacket(7, { qos: 2, retain: true, payload }));
    await client.expect('pubrec');
    expect(world.buffer.appended).toMatchObject([
      {
        lane: 'telemetry',
        topic: 'devices/d1/telemetry/t',
        device: 'd1',
        channel: 't',
        qos: 2,
        retain: true,
        key: { boot: 'b', sequence: 5n },
        exchange: { clientId: 'c1', packetId: 7 },
      },
    ]);
  });

  it('on a topic that no route knows is stored as telemetry of no device', async () => {
    const client = await world.connect().login();
    client.send(publishPacket(1, { topic: 'zigbee2mqtt/lamp', payload: '{"boot":"b","seq":1}' }));
    await client.expect('puback');
    expect(world.buffer.appended[0]).toMatchObject({
      lane: 'telemetry',
      topic: 'zigbee2mqtt/lamp',
    });
    expect(world.buffer.appended[0]!.device).toBeUndefined();
    expect(world.buffer.appended[0]!.key).toBeUndefined();
  });

  it('of QoS 0 is stored like the rest', async () => {
    const client = await world.connect().login();
    client.send(publishPacket(0, { qos: 0, messageId: undefined }), { cmd: 'disconnect' });
    await expect.poll(() => world.buffer.appended.length).toBe(1);
  });

  it('that comes together with its CONNECT is taken in order, however many there are', async () => {
    const client = world.connect();
    const ids = Array.from({ length: 500 }, (_, at) => at + 1);
    client.send(connectPacket(), ...ids.map((id) => publishPacket(id)));
    const pubacks = await client.expect('puback', 500);
    expect(pubacks.map(({ messageId }) => messageId)).toEqual(ids);
  });

  it('reaches local subscribers after it is stored', async () => {
    world.buffer.holding = true;
    const reader = await world.connect().login({ clientId: 'reader' });
    reader.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'devices/#', qos: 0 }],
    });
    await reader.expect('suback');
    const client = await world.connect().login();
    client.send(publishPacket(1));
    await expect.poll(() => world.buffer.pending.length).toBe(1);
    expect(reader.received.map(({ cmd }) => cmd)).toEqual(['connack', 'suback']);
    world.buffer.commit(1);
    await reader.expect('publish');
  });

  it('is counted by lane and QoS', async () => {
    const client = await world.connect().login();
    client.send(publishPacket(1), publishPacket(2, { topic: 'devices/d1/stock' }));
    await client.expect('puback', 2);
    await expect
      .poll(() => world.runtime.metrics.text())
      .toContain('holdfast_broker_messages_total{lane="stock",qos="1"} 1');
  });

  it('begins a trace when it is sampled, and carries it into the buffer', async () => {
    const tracing = await startTracing('test', { exporter: 'memory' });
    await restart({}, { runtime: testRuntime({ tracing }), traceSampleRatio: 0.5 });
    const client = await world.connect().login();
    client.send(publishPacket(1), publishPacket(2), publishPacket(3), publishPacket(4));
    const pubacks = await client.expect('puback', 4);
    expect(pubacks.map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4]);
    const spans = tracing.finished();
    expect(spans.map(({ name }) => name)).toEqual(['mqtt.publish', 'mqtt.publish']);
    expect(spans[0]!.attributes).toMatchObject({ 'mqtt.qos': 1, 'holdfast.device': 'd1' });
    const carried = world.buffer.appended.map(({ traceparent }) => traceparent?.split('-')[1]);
    expect(carried).toEqual([undefined, spans[0]!.traceId, undefined, spans[1]!.traceId]);
    await tracing.stop();
  });
});

describe('QoS 2', () => {
  it('frees the packet id before the PUBCOMP, also of a packet from before a restart', async () => {
    const client = await world.connect().login();
    client.send({ cmd: 'pubrel', messageId: 33 });
    await client.expect('pubcomp');
    expect(world.buffer.released).toEqual([{ clientId: 'c1', packetId: 33 }]);
  });

  it('sends no PUBCOMP when the id could not be freed: the connection is closed', async () => {
    world.buffer.releaseFails = true;
    const client = await world.connect().login();
    client.send(publishPacket(5, { qos: 2 }));
    await client.expect('pubrec');
    client.send({ cmd: 'pubrel', messageId: 5 });
    await client.expectClosed();
    expect(client.received.map(({ cmd }) => cmd)).toEqual(['connack', 'pubrec']);
  });

  it('forgets the exchanges of a clean session when it begins and when it ends', async () => {
    const client = await world.connect().login();
    expect(world.buffer.forgotten).toEqual(['c1']);
    client.cut();
    await expect.poll(() => world.buffer.forgotten).toEqual(['c1', 'c1']);
    await world.connect().login({ clientId: 'kept', clean: false });
    expect(world.buffer.forgotten).toEqual(['c1', 'c1']);
  });
});

describe('grants', () => {
  const passwordHash = hashPassword('right', Buffer.alloc(16, 3));
  const login = { username: 'sensor', password: Buffer.from('right') };
  beforeEach(async () => {
    const table = { publish: ['devices/%c/#'], subscribe: ['devices/%c/commands/+'] };
    await restart({ users: [{ name: 'sensor', passwordHash: await passwordHash, ...table }] });
  });

  it('are checked for each publish: a denied one closes the connection', async () => {
    const client = await world.connect('10.0.0.9').login(login);
    client.send(publishPacket(1, { topic: 'devices/c1/event' }));
    await client.expect('puback');
    client.send(publishPacket(2, { topic: 'devices/other/event' }));
    await client.expectClosed();
    expect(world.buffer.appended).toHaveLength(1);
    expect(await world.refused('publish-denied')).toBe(1);
  });

  it('are checked for each subscription, and again at each delivery', async () => {
    const client = await world.connect('10.0.0.9').login(login);
    const topics = ['devices/c1/commands/+', 'devices/#', '#'];
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: topics.map((topic) => ({ topic, qos: 1 })),
    });
    const [suback] = await client.expect('suback');
    expect(suback).toMatchObject({ granted: [1, 128, 128] });
    const other = await world.connect().login({ clientId: 'local' });
    other.send(publishPacket(1, { topic: 'devices/c2/event' }));
    other.send(publishPacket(2, { topic: 'devices/c1/commands/open' }));
    const [received] = await client.expect('publish');
    expect(received).toMatchObject({ topic: 'devices/c1/commands/open' });
  });

  it.each([
    [
      'a wrong password',
      '10.0.0.9',
      { ...login, password: Buffer.from('wrong') },
      4,
      'credentials',
    ],
    ['no name from the network', '10.0.0.9', {}, 5, 'anonymous'],
    [
      'a will that may not be published',
      '10.0.0.9',
      { ...login, will: will('devices/x/event') },
      5,
      'will-denied',
    ],
  ])('turn away %s', async (_what, address, changes, returnCode, reason) => {
    const client = world.connect(address);
    client.send(connectPacket(changes));
    expect(await client.expect('connack')).toMatchObject([{ returnCode }]);
    await client.expectClosed();
    expect(await world.refused(reason)).toBe(1);
  });

  it('let no client, whatever it is granted, publish as the broker', async () => {
    const client = await world.connect().login();
    client.send(publishPacket(1, { topic: '$SYS/broker/x' }));
    await client.expectClosed();
    expect(world.buffer.appended).toEqual([]);
  });
});

describe('a will', () => {
  it('is stored when the connection breaks, without a packet id', async () => {
    const client = await world.connect().login({ will: { ...will('devices/d1/event'), qos: 2 } });
    client.cut();
    await expect.poll(() => world.buffer.appended.length).toBe(1);
    expect(world.buffer.appended[0]).toMatchObject({ lane: 'event', device: 'd1', qos: 2 });
    expect(world.buffer.appended[0]!.exchange).toBeUndefined();
  });

  it('is not stored after a DISCONNECT', async () => {
    const client = await world.connect().login({ will: will('devices/d1/event') });
    client.send({ cmd: 'disconnect' });
    await client.expectClosed();
    await expect.poll(() => world.broker.connections()).toBe(0);
    expect(world.buffer.appended).toEqual([]);
  });
});

function will(topic: string) {
  return { topic, payload: Buffer.from('gone'), qos: 1, retain: false };
}
