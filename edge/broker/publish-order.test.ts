import fc from 'fast-check';
import mqtt, { type Packet } from 'mqtt-packet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type BrokerWorld,
  brokerWorld,
  publishBy,
  publishPacket,
  type TestClient,
} from './broker.fixture.ts';

// Publishes take two ways, past Aedes and through it; nobody outside may be able to tell.

let world: BrokerWorld;
beforeEach(async () => {
  publishBy('fast');
  world = await brokerWorld();
});
afterEach(() => world.stop());

const KINDS = ['plain', 'qos0', 'retained', 'qos2', 'ping', 'subscribe', 'elsewhere'] as const;
type Kind = (typeof KINDS)[number];

function packetOf(kind: Kind, id: number): Packet {
  if (kind === 'ping') return { cmd: 'pingreq' };
  if (kind === 'subscribe')
    return { cmd: 'subscribe', messageId: id, subscriptions: [{ topic: `sub/${id}`, qos: 0 }] };
  const changes = {
    plain: {},
    qos0: { qos: 0, messageId: undefined },
    retained: { retain: true },
    qos2: { qos: 2 },
    elsewhere: { topic: 'devices/d2/event' },
  };
  return publishPacket(id, { payload: `${id}`, ...changes[kind] });
}

const step = fc.record({
  kind: fc.constantFrom<Kind>('plain', 'plain', ...KINDS),
  /** After how many of its bytes the piece ends; none: it goes on. */
  cutAfter: fc.option(fc.nat(40), { nil: undefined }),
  /** How many of the waiting messages are then on disk. */
  committed: fc.nat(4),
});

it('leave in the order in which they came, however they are cut and committed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      await world.stop();
      world = await brokerWorld();
      const client = await world.connect().login({ keepalive: 0 });
      world.buffer.holding = true;
      await sendInPieces(client, steps);
      const packets = steps.map(({ kind }, at) => ({ kind, id: at + 1 }));
      const of = (...kinds: Kind[]) =>
        packets.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id);
      const published = of('plain', 'qos0', 'retained', 'qos2', 'elsewhere');
      await commitUntil(() => world.buffer.appended.length === published.length);
      const appended = world.buffer.appended.map(({ payload }) => Number(`${payload}`));
      expect(appended).toEqual(published);
      const ids = (cmd: string) =>
        client.received.filter((packet) => packet.cmd === cmd).map(({ messageId }) => messageId);
      await commitUntil(() => ids('puback').length === of('plain', 'retained', 'elsewhere').length);
      await commitUntil(() => ids('pubrec').length === of('qos2').length);
      expect(ids('puback')).toEqual(of('plain', 'retained', 'elsewhere'));
      expect(ids('pubrec')).toEqual(of('qos2'));
      await client.expect('pingresp', of('ping').length);
    }),
    { numRuns: 60 },
  );
}, 60_000);

async function sendInPieces(
  client: TestClient,
  steps: readonly { kind: Kind; cutAfter: number | undefined; committed: number }[],
): Promise<void> {
  let piece = Buffer.alloc(0);
  for (const [at, { kind, cutAfter, committed }] of steps.entries()) {
    const bytes = mqtt.generate(packetOf(kind, at + 1));
    const cut = cutAfter === undefined ? undefined : Math.min(cutAfter, bytes.byteLength);
    piece = Buffer.concat([piece, bytes.subarray(0, cut)]);
    if (cut === undefined) continue;
    client.write(piece);
    piece = Buffer.from(bytes.subarray(cut));
    await new Promise((resolve) => setImmediate(resolve));
    world.buffer.commit(committed);
  }
  client.write(piece);
}

async function commitUntil(condition: () => boolean): Promise<void> {
  const committed = () => {
    world.buffer.commit(1_000);
    return condition();
  };
  await expect.poll(committed, { interval: 1 }).toBe(true);
}

it('reach a subscriber that subscribed in the same piece', async () => {
  const client = await world.connect().login();
  const topic = 'devices/d1/telemetry/t';
  client.send(
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0 }] },
    publishPacket(2),
  );
  await client.expect('publish');
  await client.expect('puback');
});

it('reach a subscriber that comes between two of them, until it has gone', async () => {
  const device = await world.connect().login({ clientId: 'device' });
  device.send(publishPacket(1));
  await device.expect('puback', 1);
  const site = await world.connect().login({ clientId: 'site' });
  const topic = 'devices/+/telemetry/#';
  site.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] });
  await site.expect('suback');
  device.send(publishPacket(2));
  const [forwarded] = await site.expect('publish', 1);
  expect(forwarded).toMatchObject({ topic: 'devices/d1/telemetry/t', qos: 1 });
  site.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [topic] });
  await site.expect('unsuback');
  device.send(publishPacket(3));
  await device.expect('puback', 3);
  expect(await site.expect('publish', 1)).toHaveLength(1);
});

it('wait for a session whose client is away', async () => {
  const topic = 'devices/d1/telemetry/t';
  const away = await world.connect().login({ clientId: 'away', clean: false });
  away.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] });
  await away.expect('suback');
  away.cut();
  const device = await world.connect().login({ clientId: 'device' });
  device.send(publishPacket(7));
  await device.expect('puback');
  const back = await world.connect().login({ clientId: 'away', clean: false });
  await back.expect('publish');
});

it('keep their connection alive, and nothing else does', async () => {
  const client = await world.connect().login({ keepalive: 1 });
  const { clock } = world.runtime;
  const untilMs = clock.monotonicMs() + 2_500;
  let sent = 0;
  while (clock.monotonicMs() < untilMs) {
    sent += 1;
    client.send(publishPacket(sent));
    await client.expect('puback', sent);
    await clock.sleep(100);
  }
  expect(client.closed).toBe(false);
  await expect.poll(() => client.closed, { timeout: 5_000 }).toBe(true);
  expect(await world.refused('keep-alive')).toBe(1);
});

it('are not read while the disk is behind', async () => {
  world.buffer.holding = true;
  const neighbour = await world.connect().login({ clientId: 'neighbour' });
  const client = await world.connect().login();
  world.buffer.behind = true;
  client.send(publishPacket(1));
  await expect.poll(() => world.buffer.appended.length).toBe(1);
  // A neighbour is answered: the turn that appended is over, and reading rests.
  neighbour.send({ cmd: 'pingreq' });
  await neighbour.expect('pingresp');
  client.send(publishPacket(2));
  // What a neighbour sends after it is answered, so its own turn to be read has come and gone.
  neighbour.send({ cmd: 'pingreq' });
  await neighbour.expect('pingresp');
  expect(world.buffer.appended).toHaveLength(1);
  world.buffer.commit(1);
  await expect.poll(() => world.buffer.appended.length).toBe(2);
  world.buffer.commit(1);
  await client.expect('puback', 2);
});

it('that Aedes would refuse are refused', async () => {
  const deep = Array.from({ length: 101 }, () => 'a').join('/');
  for (const topic of ['$SYS/x', 'a/#', deep]) {
    const client = await world.connect().login({ clientId: topic });
    const bytes = mqtt.generate(publishPacket(1, { topic: 'x'.repeat(topic.length) }));
    client.write(Buffer.from(bytes.toString('latin1').replace(/x+/, topic), 'latin1'));
    await client.expectClosed();
  }
  expect(world.buffer.appended).toHaveLength(0);
});
