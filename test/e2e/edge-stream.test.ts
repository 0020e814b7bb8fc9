import { createServer } from 'node:net';
import { join } from 'node:path';
import { batchOf } from '@holdfast/cloud/edge-link/domain/batch-event.ts';
import { envelopeFromHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { startTracing } from '@holdfast/shared/runtime/tracing.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorityIn, type CloudWorld, cloudWorld } from './edge-stream/cloud.fixture.ts';
import {
  cloneBuffer,
  type GatewayOptions,
  type GatewayWorld,
  startGateway,
  until,
} from './edge-stream/gateway.fixture.ts';

const GATEWAY = 'gw_e2e';
const gateways: GatewayWorld[] = [];
let cloud: CloudWorld;

beforeEach(async () => {
  cloud = await cloudWorld();
});

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await cloud.remove();
});

async function gatewayOn(file: string, more: Partial<GatewayOptions> = {}): Promise<GatewayWorld> {
  const credentials = await cloud.credentials(GATEWAY);
  const gateway = await startGateway({
    file: join(cloud.folder, file),
    credentials: () => credentials,
    ...more,
  });
  gateways.push(gateway);
  return gateway;
}

/** The payloads in the log by lane and sequence; fails when a block is damaged. */
async function logged(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const event of await cloud.events('telemetry.batches')) {
    const block = Block.decode(event.value);
    const identity = batchOf(event.headers);
    expect(blockChecksum(block).equals(block.checksum)).toBe(true);
    expect(identity?.checksum).toBe(block.checksum.toString('hex'));
    const body = decodeBody(decompressBody(block.codec, block.body));
    for (let index = 0; index < body.count; index++) {
      const at = `${identity?.lane} ${block.firstSequence + BigInt(index)}`;
      const payload = Buffer.from(body.record(index).payload).toString();
      found.set(at, [...(found.get(at) ?? []), payload]);
    }
  }
  return found;
}

async function gatewayEvents(): Promise<string[]> {
  const events = await cloud.events('gateways');
  return events.map((event) => {
    const reason = JSON.parse(Buffer.from(event.value).toString()).reason;
    return `${envelopeFromHeaders(event.headers).type}${reason ? ` ${reason}` : ''}`;
  });
}

describe('a gateway and the cloud', () => {
  it('brings what was accepted offline and online into the log, each once', async () => {
    const gateway = await gatewayOn('buffer.sqlite');
    await gateway.accept(300);
    await gateway.accept(20, { lane: 'stock' });
    expect(gateway.pending()).toBe(320);
    await cloud.start();
    const credentials = await cloud.credentials(GATEWAY);
    await gateway.stop();
    gateways.pop();
    const online = await gatewayOn('buffer.sqlite', { credentials: () => credentials });
    await until('streaming', () => online.uplink.state().phase === 'streaming');
    await online.accept(100, { lane: 'event' });
    await until('all is delivered', () => online.pending() === 0);
    const found = await logged();
    expect(found.size).toBe(420);
    expect([...found.values()].filter((payloads) => payloads.length !== 1)).toEqual([]);
    await until('it is reported', async () => (await gatewayEvents()).length >= 2);
    const told = await gatewayEvents();
    expect(told.slice(0, 2)).toEqual(['gateway.connected.v1', 'gateway.reported.v1']);
    expect(online.uplink.module.degraded?.()).toBeUndefined();
    await online.stop();
    gateways.pop();
    const ended = async () => (await gatewayEvents()).at(-1) === 'gateway.disconnected.v1 closed';
    await until('its end is told', ended);
  });

  it('is back within two seconds of the cloud’s return', async () => {
    await cloud.start();
    const gateway = await gatewayOn('buffer.sqlite');
    await until('streaming', () => gateway.uplink.state().phase === 'streaming');
    await cloud.stop();
    await until('noticed', () => gateway.uplink.state().phase !== 'streaming');
    await gateway.accept(10);
    await cloud.start();
    await until('all is delivered', () => gateway.pending() === 0, 2_000);
    const told = async () => (await gatewayEvents()).includes('gateway.disconnected.v1 draining');
    await until('the events tell why it was away', told);
    expect((await logged()).size).toBe(10);
  });

  it('brings live readings first, and the backlog beside them', async () => {
    const { clock } = testRuntime();
    await cloud.remove();
    cloud = await cloudWorld({ appending: () => clock.sleep(50) });
    await cloud.start();
    const { grpcUrl } = await cloud.credentials(GATEWAY);
    const away = { ...(await cloud.credentials(GATEWAY)), grpcUrl: '127.0.0.1:1' };
    let isAway = true;
    const gateway = await gatewayOn('buffer.sqlite', {
      credentials: () => (isAway ? away : { ...away, grpcUrl }),
    });
    for (let round = 0; round < 100; round++) await gateway.accept(2_000);
    isAway = false;
    await until('streaming', () => gateway.uplink.state().phase === 'streaming');
    await gateway.accept(1);
    await until('all is delivered', () => gateway.pending() === 0, 30_000);
    const order = (await cloud.events('telemetry.batches')).map(
      ({ headers }) => batchOf(headers)?.range.first ?? 0n,
    );
    const live = order.indexOf(200_001n);
    expect(live).toBeGreaterThanOrEqual(0);
    // Blocks of the backlog come after it, though they were accepted before.
    expect(order.slice(live + 1).filter((first) => first < 200_001n).length).toBeGreaterThan(0);
  });

  it('carries a trace from the record to the log', async () => {
    const tracing = await startTracing('test', { exporter: 'memory' });
    const runtime = testRuntime({ tracing });
    await cloud.remove();
    cloud = await cloudWorld({ runtime });
    await cloud.start();
    const gateway = await gatewayOn('buffer.sqlite', { runtime });
    await tracing.span('publish', {}, ({ traceparent }) => gateway.accept(1, { traceparent }));
    await until('all is delivered', () => gateway.pending() === 0);
    const named = () => new Map(tracing.finished().map((span) => [span.name, span]));
    await until('the spans ended', () => named().has('uplink.send'));
    const [publish, send, receive, append] = [
      'publish',
      'uplink.send',
      'edge-link.receive',
      'event-log.append',
    ].map((name) => named().get(name));
    expect(send?.parentSpanId).toBe(publish?.spanId);
    expect(receive?.parentSpanId).toBe(send?.spanId);
    expect(append?.parentSpanId).toBe(receive?.spanId);
    const [event] = await cloud.events('telemetry.batches');
    expect(event?.headers['ce_traceparent']).toContain(append?.spanId);
    await tracing.stop();
  });
});

describe('two copies of one gateway', () => {
  it.each([
    ['all of its files', ['', '-wal', '-shm', '.mark']],
    ['the database alone', ['', '-wal']],
  ])('(%s) are fenced no later than when both have spoken', async (_, suffixes) => {
    await cloud.start();
    const file = join(cloud.folder, 'buffer.sqlite');
    const original = await gatewayOn('buffer.sqlite');
    await original.accept(5);
    await until('the first is served', () => original.pending() === 0);
    await original.stop();
    gateways.pop();
    const clone = cloneBuffer(file, cloud.folder, suffixes);

    const again = await gatewayOn('buffer.sqlite');
    await until('the original is served', () => again.uplink.state().phase === 'streaming');
    await again.accept(1);
    await until('its reading is delivered', () => again.pending() === 0);

    const credentials = await cloud.credentials(GATEWAY);
    const copy = await startGateway({ file: clone, credentials: () => credentials });
    gateways.push(copy);
    await copy.accept(1);
    await until('the copy is fenced', () => copy.uplink.state().phase === 'fenced');
    await until('the original is fenced', () => again.uplink.state().phase === 'fenced');
    expect(copy.uplink.module.degraded?.()).toContain('enrol');
    expect(copy.pending()).toBe(1);
    const told = async () => (await gatewayEvents()).includes('gateway.fenced.v1 turn');
    await until('the events tell of the fence', told);
  });
});

describe('a cloud that is not as it should be', () => {
  const quick = { connectTimeoutMs: 300, welcomeTimeoutMs: 300, rejectedRetryMs: 50 };

  it('accepts TCP and never speaks: it is given up and tried again', async () => {
    let connections = 0;
    const sockets = new Set<{ destroy(): void }>();
    const mute = createServer((socket) => {
      connections++;
      sockets.add(socket);
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    cloud.port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const gateway = await gatewayOn('buffer.sqlite', { settings: quick });
    await until('a second try', () => connections > 1);
    expect(gateway.uplink.state().error?.code).toBe('DEADLINE_EXCEEDED');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });

  it('is of another authority: the error says so, and it is tried again', async () => {
    await cloud.start();
    const runtime = testRuntime();
    const other = await authorityIn(join(cloud.folder, 'other'), runtime);
    const credentials = await cloud.credentials(GATEWAY, { trusted: other });
    const gateway = await gatewayOn('buffer.sqlite', {
      credentials: () => credentials,
      settings: quick,
    });
    await until('it failed', () => gateway.uplink.state().error?.code === 'CA_MISMATCH');
    expect(gateway.uplink.module.degraded?.()).toContain('authority');
    await until('it tries again', async () => (await reconnects(gateway)) > 1);
  });

  it('rejects an expired certificate: the error says so, until it is renewed', async () => {
    await cloud.start();
    let credentials = await cloud.credentials(GATEWAY, { validityMs: -60_000 });
    const gateway = await gatewayOn('buffer.sqlite', {
      credentials: () => credentials,
      settings: quick,
    });
    await until('rejected', () => gateway.uplink.state().error?.code === 'CERTIFICATE_REJECTED');
    expect(gateway.uplink.state().error?.message).toContain('expired');
    credentials = await cloud.credentials(GATEWAY);
    await until('served', () => gateway.uplink.state().phase === 'streaming');
  });

  it('rejects a certificate of another authority', async () => {
    await cloud.start();
    const signer = await authorityIn(join(cloud.folder, 'other'), testRuntime());
    const credentials = await cloud.credentials(GATEWAY, { signer });
    const gateway = await gatewayOn('buffer.sqlite', {
      credentials: () => credentials,
      settings: quick,
    });
    await until('rejected', () => gateway.uplink.state().error !== undefined);
    expect(gateway.uplink.state().error?.code).toMatch(/^(CERTIFICATE_REJECTED|UNAVAILABLE)$/);
    await until('it tries again', async () => (await reconnects(gateway)) > 1);
  });
});

async function reconnects({ runtime }: GatewayWorld): Promise<number> {
  const text = await runtime.metrics.text();
  return Number(/^holdfast_uplink_reconnects_total (\d+)$/m.exec(text)?.[1] ?? 0);
}
