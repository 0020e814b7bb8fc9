import { join } from 'node:path';
import {
  accepted,
  blockOf,
  helloOf,
  RawStream,
} from '@holdfast/cloud/edge-link/raw-stream.fixture.ts';
import {
  type Block,
  RefusalReason,
  Lane as WireLane,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CloudWorld, cloudWorld } from './edge-stream/cloud.fixture.ts';
import { until } from './edge-stream/gateway.fixture.ts';

const streams: RawStream[] = [];
let cloud: CloudWorld;

beforeEach(async () => {
  cloud = await cloudWorld();
  await cloud.start();
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.cut();
  await cloud.remove();
});

async function connect(): Promise<RawStream> {
  const stream = new RawStream(await cloud.credentials('gw_raw'));
  streams.push(stream);
  await stream.opened();
  return stream;
}

const POSITIONS = [
  accepted(WireLane.LANE_TELEMETRY, 10_000n),
  accepted(WireLane.LANE_STOCK, 10_000n),
];

async function greeted(lastTurn?: Buffer): Promise<{ stream: RawStream; turn: Buffer }> {
  const stream = await connect();
  const hello = { lastTurn: lastTurn ?? Buffer.alloc(0), positions: POSITIONS };
  return { stream, turn: await stream.greet(hello) };
}

async function take(stream: RawStream, block: Block) {
  stream.send({ $case: 'block', value: block });
  return stream.answer();
}

async function refusal(stream: RawStream, block: Block): Promise<RefusalReason> {
  const answer = await take(stream, block);
  if (answer.$case !== 'blockRefused') throw new Error(`${answer.$case} instead of a refusal`);
  expect(answer.value.creditBytes).toBe(BigInt(block.body.byteLength));
  return answer.value.reason;
}

function parked(): unknown[] {
  const database = openSqliteFile(join(cloud.folder, 'sql', 'edge-link.sqlite'), {
    readonly: true,
  });
  const rows = database
    .prepare('select lane, first_sequence, reason, bytes from parked_blocks')
    .all();
  database.close();
  return rows;
}

describe('a block', () => {
  it('is acknowledged when the log has it, and once more when it comes again', async () => {
    const { stream } = await greeted();
    const first = await take(stream, blockOf(1, 5));
    expect(first).toMatchObject({
      $case: 'ack',
      value: { durable: { contiguous: 5n, ranges: [] }, creditBytes: 6n },
    });
    const again = await take(stream, blockOf(1, 5));
    expect(again).toMatchObject({ $case: 'ack', value: { durable: { contiguous: 5n } } });
    expect(await cloud.events('telemetry.batches')).toHaveLength(1);
  });

  it('is recognised as a repeat by the next stream, too', async () => {
    const { stream, turn } = await greeted();
    await take(stream, blockOf(1, 5));
    stream.cut();
    const next = await greeted(turn);
    expect(await take(next.stream, blockOf(1, 5))).toMatchObject({ $case: 'ack' });
    expect(await cloud.events('telemetry.batches')).toHaveLength(1);
  });

  it('with another content in a held range is parked, and the gateway is told', async () => {
    const { stream, turn } = await greeted();
    await take(stream, blockOf(1, 5));
    const other = blockOf(1, 5, { body: Buffer.from('other') });
    expect(await refusal(stream, other)).toBe(RefusalReason.REFUSAL_REASON_CONFLICT);
    stream.cut();
    const next = await greeted(turn);
    expect(await refusal(next.stream, blockOf(3, 5))).toBe(RefusalReason.REFUSAL_REASON_CONFLICT);
    expect(parked()).toHaveLength(2);
    expect(await cloud.events('telemetry.batches')).toHaveLength(1);
  });

  it.each<[string, Block, RefusalReason]>([
    ['partly held', blockOf(4, 8), RefusalReason.REFUSAL_REASON_PARTLY_COVERED],
    [
      'with a wrong checksum',
      blockOf(6, 8, { checksum: Buffer.alloc(16) }),
      RefusalReason.REFUSAL_REASON_CHECKSUM,
    ],
    [
      'of a lane that nobody knows',
      blockOf(6, 8, { lane: 9 as WireLane }),
      RefusalReason.REFUSAL_REASON_CHECKSUM,
    ],
    [
      'larger than an event',
      blockOf(6, 8, { body: Buffer.alloc(950_000) }),
      RefusalReason.REFUSAL_REASON_TOO_LARGE,
    ],
    [
      'of stock behind a gap',
      blockOf(2, 3, { lane: WireLane.LANE_STOCK }),
      RefusalReason.REFUSAL_REASON_GAP,
    ],
  ])('%s is refused', async (_name, block, reason) => {
    const { stream } = await greeted();
    await take(stream, blockOf(1, 5));
    expect(await refusal(stream, block)).toBe(reason);
    expect(await take(stream, blockOf(6, 8))).toMatchObject({ $case: 'ack' });
  });

  it('that would open one range too many is refused until a gap closes', async () => {
    const { stream } = await greeted();
    for (let index = 1; index <= 64; index++) {
      await take(stream, blockOf(index * 10, index * 10));
    }
    expect(await refusal(stream, blockOf(5_000, 5_000))).toBe(
      RefusalReason.REFUSAL_REASON_TOO_MANY_RANGES,
    );
    await take(stream, blockOf(1, 9));
    expect(await take(stream, blockOf(5_000, 5_000))).toMatchObject({ $case: 'ack' });
  });
});

describe('a stream', () => {
  it.each<[string, Parameters<typeof helloOf>[0], string]>([
    ['for another gateway', { gatewayId: 'gw_other' }, 'FORBIDDEN'],
    ['of no protocol', { protocolVersion: 0 }, 'PROTOCOL_UNSUPPORTED'],
    ['without an incarnation', { incarnation: '' }, 'REQUEST_INVALID'],
  ])('with a Hello %s is ended', async (_name, changes, code) => {
    const stream = await connect();
    stream.send({ $case: 'hello', value: helloOf(changes) });
    expect(await stream.ending()).toBe(code);
  });

  it('that begins with a block is ended', async () => {
    const stream = await connect();
    stream.send({ $case: 'block', value: blockOf(1, 1) });
    expect(await stream.ending()).toBe('REQUEST_INVALID');
  });

  it('that shows another turn is ended', async () => {
    const stream = await connect();
    stream.send({ $case: 'hello', value: helloOf({}) });
    await stream.answer();
    stream.send({ $case: 'turnHeld', value: { turn: Buffer.alloc(16, 1) } });
    expect(await stream.ending()).toBe('REQUEST_INVALID');
  });

  it('that has more in flight than its credits is ended', async () => {
    const stuck = Promise.withResolvers<never>();
    // The stream may be ended before the first block gets as far as the log.
    stuck.promise.catch(() => undefined);
    await cloud.remove();
    cloud = await cloudWorld({ appending: () => stuck.promise });
    await cloud.start();
    const { stream } = await greeted();
    for (let index = 1; index <= 20; index++) {
      const body = Buffer.alloc(500_000, index);
      stream.send({ $case: 'block', value: blockOf(index, index, { body }) });
    }
    expect(await stream.ending()).toBe('RATE_LIMITED');
    stuck.reject(new Error('the log gave up'));
  });

  it('gives way to a newer one of the same gateway', async () => {
    const { stream, turn } = await greeted();
    const next = await greeted(turn);
    expect(await stream.ending()).toBe('UNAVAILABLE');
    expect(await take(next.stream, blockOf(1, 2))).toMatchObject({ $case: 'ack' });
  });

  it('whose Hello arrives after a newer stream was welcomed disturbs nobody', async () => {
    const late = await connect();
    const { stream } = await greeted();
    late.send({ $case: 'hello', value: helloOf({ positions: POSITIONS }) });
    expect(await late.ending()).toBe('UNAVAILABLE');
    expect(await take(stream, blockOf(1, 2))).toMatchObject({ $case: 'ack' });
  });
});

describe('fencing', () => {
  const fenced = { $case: 'fenced', value: { code: 'INCARNATION_FENCED' } };

  it('stops a gateway that accepted less than the cloud holds', async () => {
    const { stream, turn } = await greeted();
    await take(stream, blockOf(1, 5));
    stream.cut();
    const restored = await connect();
    const positions = [accepted(WireLane.LANE_TELEMETRY, 4n)];
    restored.send({ $case: 'hello', value: helloOf({ lastTurn: turn, positions }) });
    expect(await restored.answer()).toMatchObject(fenced);
  });

  it('stops a gateway that remembers fewer acknowledgements than it reported', async () => {
    const { stream, turn } = await greeted();
    const lane = WireLane.LANE_TELEMETRY;
    const zero = { parked: 0n, condensed: 0n, dropped: 0n, damaged: 0n, backlog: 0n };
    const counts = {
      ...zero,
      accepted: 9n,
      delivered: 9n,
      pending: 0n,
      unkeyed: 0n,
      duplicates: 0n,
    };
    const report = { bufferBytes: 0n, connectedDevices: 0, monotonicMicros: 0n };
    stream.send({ $case: 'report', value: { ...report, lanes: [{ lane, ...counts }] } });
    const stored = async () => (await cloud.events('gateways')).length >= 2;
    await until('the report is stored', stored);
    stream.cut();
    const restored = await connect();
    restored.send({ $case: 'hello', value: helloOf({ lastTurn: turn, positions: POSITIONS }) });
    expect(await restored.answer()).toMatchObject(fenced);
  });

  it('lets a person choose: a new incarnation is served, the old one is not', async () => {
    const { stream, turn } = await greeted();
    await take(stream, blockOf(1, 5));
    stream.cut();
    const chosen = await connect();
    await chosen.greet({ incarnation: 'i-2' });
    const old = await connect();
    old.send({ $case: 'hello', value: helloOf({ lastTurn: turn, positions: POSITIONS }) });
    expect(await old.answer()).toMatchObject(fenced);
    const block = blockOf(1, 2, { incarnation: 'i-2' });
    expect(await take(chosen, block)).toMatchObject({ $case: 'ack' });
  });
});

describe('a gateway that was revoked', () => {
  const revoked = 'CERTIFICATE_REJECTED';

  it('is turned out, and not let in again; others go on', async () => {
    const { stream } = await greeted();
    const neighbour = new RawStream(await cloud.credentials('gw_neighbour'));
    streams.push(neighbour);
    await neighbour.opened();
    await neighbour.greet({ gatewayId: 'gw_neighbour', positions: POSITIONS });
    await take(stream, blockOf(1, 5));
    await cloud.revoke('gw_raw');
    expect(await stream.ending()).toBe(revoked);
    const next = await connect();
    next.send({ $case: 'hello', value: helloOf({}) });
    expect(await next.ending()).toBe(revoked);
    expect(await take(neighbour, blockOf(1, 5))).toMatchObject({ $case: 'ack' });
    await cloud.stop();
    await cloud.start();
    const later = await connect();
    later.send({ $case: 'hello', value: helloOf({}) });
    expect(await later.ending()).toBe(revoked);
  });

  it('is turned out, too, where another process heard of it', async () => {
    const { stream } = await greeted();
    const database = openSqliteFile(join(cloud.folder, 'sql', 'edge-link.sqlite'));
    database.prepare("insert into revoked_gateways values ('gw_raw', 1)").run();
    database.close();
    expect(await stream.ending()).toBe(revoked);
  });
});
