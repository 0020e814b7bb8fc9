import fc from 'fast-check';
import mqtt from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PAYLOAD_BYTES_MAX } from '../buffer/buffer.ts';
import { type BrokerWorld, brokerWorld, connectPacket, publishPacket } from './broker.fixture.ts';
import { FrameScanner } from './frame-scanner.ts';

let world: BrokerWorld;
beforeEach(async () => {
  world = await brokerWorld({
    connectTimeoutMs: 100,
    connectionsMax: 4,
    connectionsPerAddressMax: 3,
  });
});
afterEach(() => world.stop());

describe('the frame guard', () => {
  it.each([
    ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n', 'connect-missing'],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01', 'malformed'],
    ['a publish before the CONNECT', '\x30\x05\x00\x01a12', 'connect-missing'],
    ['a packet for servers', '\x20\x02\x00\x00', 'malformed'],
    ['a length without an end', '\x10\xff\xff\xff\xff\x7f', 'malformed'],
    ['a CONNECT of 256 MiB', '\x10\xff\xff\xff\x7f', 'oversized'],
  ])('closes the connection on %s, and counts why', async (_what, bytes, reason) => {
    const client = world.connect();
    client.write(Buffer.from(bytes, 'latin1'));
    await client.expectClosed();
    expect(await world.refused(reason)).toBe(1);
  });

  it('closes a connection whose CONNECT does not come, or not in full', async () => {
    const silent = world.connect();
    const slow = world.connect();
    slow.write(mqtt.generate(connectPacket()).subarray(0, 5));
    await silent.expectClosed();
    await slow.expectClosed();
    expect(await world.refused('connect-late')).toBe(2);
  });

  it('refuses a packet by its announced length, before its bytes have come', async () => {
    const client = await world.connect().login();
    client.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f, 0x00, 0x01]));
    await client.expectClosed();
    expect(await world.refused('oversized')).toBe(1);
  });

  it('takes a payload of the limit, and not one byte more', async () => {
    const client = await world.connect().login();
    client.send(publishPacket(1, { payload: Buffer.alloc(PAYLOAD_BYTES_MAX) }));
    await client.expect('puback');
    client.send(publishPacket(2, { payload: Buffer.alloc(PAYLOAD_BYTES_MAX + 1) }));
    await client.expectClosed();
    expect(world.buffer.appended).toHaveLength(1);
    expect(await world.refused('oversized')).toBe(1);
  });

  it('tells a client of MQTT 5 in its own words that it speaks 3.1.1', async () => {
    const client = world.connect();
    client.write(mqtt.generate(connectPacket({ protocolVersion: 5, properties: {} })));
    await client.expectClosed();
    // CONNACK, no session, reason 0x84 "unsupported protocol version", no properties.
    expect(client.bytes().toString('hex')).toBe('2003008400');
    expect(await world.refused('protocol-version')).toBe(1);
  });

  it('limits the connections, of one address and in all', async () => {
    const first = await world.connect().login({ clientId: 'a' });
    await world.connect().login({ clientId: 'b' });
    await world.connect().login({ clientId: 'c' });
    await world.connect().expectClosed();
    expect(await world.refused('connections-per-address')).toBe(1);
    await world.connect('127.0.0.2').login({ clientId: 'd' });
    await world.connect('127.0.0.3').expectClosed();
    expect(await world.refused('connections')).toBe(1);
    first.cut();
    await expect.poll(() => world.broker.connections()).toBe(3);
    await world.connect().login({ clientId: 'e' });
  });

  it('is closed with the broker, also before its CONNECT', async () => {
    const silent = world.connect();
    await world.stop();
    await silent.expectClosed();
    expect(world.broker.connections()).toBe(0);
    world = await brokerWorld();
  });

  it('hands on what was sent before a proper end', async () => {
    world.buffer.holding = true;
    const client = await world.connect().login();
    client.send(publishPacket(1));
    await expect.poll(() => world.buffer.appended.length).toBe(1);
    // These wait within the guard while Aedes waits for the commit.
    client.send(publishPacket(0, { qos: 0, messageId: undefined }));
    client.end();
    world.buffer.holding = false;
    world.buffer.commit(1);
    await expect.poll(() => world.buffer.appended.length).toBe(2);
    await client.expectClosed();
  });
});

describe('the frame scanner', () => {
  it('judges the same however the bytes are cut', () => {
    const packets = fc.array(
      fc.oneof(
        fc.nat(2000).map((bytes) => publishPacket(1, { payload: Buffer.alloc(bytes) })),
        fc.constantFrom({ cmd: 'pingreq' as const }, { cmd: 'pubrel' as const, messageId: 3 }),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(packets, fc.integer({ min: 1, max: 300 }), (sent, step) => {
        const scanner = new FrameScanner(1000);
        const bytes = Buffer.concat(
          [connectPacket(), ...sent].map((packet) => mqtt.generate(packet)),
        );
        const whole = new FrameScanner(1000).scan(bytes);
        let cut: string | undefined;
        for (let at = 0; at < bytes.byteLength && !cut; at += step)
          cut = scanner.scan(bytes.subarray(at, at + step));
        expect(cut).toBe(whole);
      }),
    );
  });

  it('never lets more than the limit of one packet through, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const refusal = new FrameScanner(100).scan(bytes);
        expect([undefined, 'oversized', 'malformed', 'connect-missing']).toContain(refusal);
      }),
    );
  });
});
