import {
  RefusalReason,
  type SyncResponse,
  Lane as WireLane,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { describe, expect, it } from 'vitest';
import { uplinkSettingsSchema } from './settings.ts';
import { MemoryBuffer, ScriptedCloud } from './uplink.fixture.ts';
import { openUplink } from './uplink.ts';

type Answer = NonNullable<SyncResponse['frame']>;

const credentials = {
  gatewayId: 'gw_1',
  tenant: 'dev',
  site: 'site-1',
  grpcUrl: '127.0.0.1:1',
  key: '',
  certificate: '',
  ca: '',
};

/** Time in small steps: what waits for a promise sets its timers in between. */
function steadyClock() {
  const clock = simulatedClock();
  return {
    ...clock,
    async advance(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 20) await clock.advance(20);
      await clock.advance(0);
    },
  };
}

function world(buffer = new MemoryBuffer()) {
  const clock = steadyClock();
  const cloud = new ScriptedCloud();
  const steps: string[] = [];
  const runtime = testRuntime({
    clock,
    random: seededRandom(1),
    steps: { reach: (step) => void steps.push(step) },
  });
  const uplink = openUplink({
    buffer: buffer.port,
    identity: () => credentials,
    settings: uplinkSettingsSchema.parse({}),
    runtime,
    softwareVersion: 'test',
    openLink: cloud.open,
  });
  return {
    buffer,
    clock,
    cloud,
    steps,
    uplink,
    async stream() {
      await uplink.module.start();
      cloud.last.opened();
      cloud.last.answer(WELCOME);
      await clock.advance(0);
    },
  };
}

const WELCOME: Answer = {
  $case: 'welcome',
  value: {
    protocolVersion: 1,
    features: [],
    positions: [],
    timeUnixMicros: 0n,
    creditBytes: 1_000_000n,
    retrySpreadMs: 0,
    turn: Buffer.alloc(16, 7),
  },
};

const LANE = { incarnation: 'i1', lane: WireLane.LANE_TELEMETRY };

function ack(contiguous: bigint): Answer {
  const durable = { contiguous, ranges: [] };
  return { $case: 'ack', value: { ...LANE, durable, replicated: undefined, creditBytes: 10n } };
}

function refused(first: bigint, last: bigint, reason: RefusalReason): Answer {
  const answer = { ...LANE, range: { first, last }, reason, durable: undefined, creditBytes: 10n };
  return { $case: 'blockRefused', value: answer };
}

describe('the order of a stream', () => {
  it('says Hello only after the cloud knows of the stream', async () => {
    const { uplink, cloud } = world();
    await uplink.module.start();
    expect(cloud.last.kinds()).toEqual([]);
    cloud.last.opened();
    expect(cloud.last.kinds()).toEqual(['hello']);
  });

  it('shows the turn after it is on disk, and sends blocks after that', async () => {
    const { buffer, cloud, clock, stream, steps } = world();
    const disk = Promise.withResolvers<void>();
    buffer.gate = disk.promise;
    buffer.accept(3);
    await stream();
    expect(cloud.last.kinds()).toEqual(['hello']);
    disk.resolve();
    await clock.advance(0);
    await clock.advance(0);
    expect(cloud.last.kinds()).toEqual(['hello', 'turnHeld', 'report', 'block']);
    expect(steps).toEqual(['uplink.turn.held', 'uplink.block.before-send', 'uplink.block.sent']);
  });

  it('seals what is accepted meanwhile soon, and sends it', async () => {
    const { buffer, cloud, clock, stream } = world();
    await stream();
    buffer.accept(2);
    buffer.accept(2);
    await clock.advance(100);
    expect(cloud.last.kinds().filter((kind) => kind === 'block')).toHaveLength(1);
    cloud.last.answer(ack(4n));
    await clock.advance(0);
    expect(buffer.position.acknowledged.contiguous).toBe(4n);
  });

  it('waits for the disk before the next Hello, which tells what is on it', async () => {
    const { buffer, cloud, clock, stream } = world();
    const disk = Promise.withResolvers<void>();
    buffer.gate = disk.promise;
    await stream();
    cloud.last.end(undefined);
    await clock.advance(5_000);
    expect(cloud.links).toHaveLength(1);
    disk.resolve();
    await clock.advance(5_000);
    expect(cloud.links.length).toBeGreaterThan(1);
    cloud.last.opened();
    expect(cloud.last.sent[0]?.frame).toMatchObject({ value: { lastTurn: Buffer.alloc(16, 7) } });
  });
});

describe('a line that is down', () => {
  it('sees the backlog cut meanwhile: a full block at once, less after a minute', async () => {
    const { buffer, uplink, clock } = world();
    await uplink.module.start();
    await clock.advance(0);
    const blocks = () => buffer.sealed('i1', 'telemetry', 1n, 10).length;
    buffer.accept(4_095);
    await clock.advance(0);
    expect(blocks()).toBe(0);
    buffer.accept(1);
    await clock.advance(0);
    expect(blocks()).toBe(1);
    buffer.accept(5);
    await clock.advance(60_000);
    expect(blocks()).toBe(2);
  });
});

describe('a cloud that falls silent', () => {
  it('is given up when it does not answer the Hello', async () => {
    const { uplink, cloud, clock } = world();
    await uplink.module.start();
    cloud.last.opened();
    await clock.advance(15_000);
    expect(uplink.state().error?.code).toBe('DEADLINE_EXCEEDED');
    await clock.advance(200);
    expect(cloud.links).toHaveLength(2);
  });

  it('is given up when it stops acknowledging', async () => {
    const { buffer, uplink, cloud, clock, stream } = world();
    buffer.accept(1);
    await stream();
    await clock.advance(29_000);
    expect(uplink.state().phase).toBe('streaming');
    await clock.advance(2_000);
    expect(cloud.links.length).toBeGreaterThan(1);
  });

  it('is left alone while nothing is owed', async () => {
    const { uplink, cloud, clock, stream } = world();
    await stream();
    await clock.advance(300_000);
    expect(uplink.state().phase).toBe('streaming');
    expect(cloud.links).toHaveLength(1);
  });
});

describe('reports', () => {
  it('come at once, every five seconds, and soon after a change', async () => {
    const { buffer, cloud, clock, stream } = world();
    await stream();
    const reports = () => cloud.last.kinds().filter((kind) => kind === 'report').length;
    expect(reports()).toBe(1);
    await clock.advance(4_900);
    expect(reports()).toBe(1);
    await clock.advance(200);
    expect(reports()).toBe(2);
    for (let change = 0; change < 30; change++) {
      buffer.accept(1);
      await clock.advance(100);
    }
    expect(reports()).toBeLessThanOrEqual(6);
    expect(reports()).toBeGreaterThanOrEqual(4);
  });
});

describe('a block that cannot be delivered', () => {
  it('is parked after a conflict, before its range is freed', async () => {
    const { buffer, cloud, clock, stream } = world();
    buffer.accept(3);
    await stream();
    cloud.last.answer(refused(1n, 3n, RefusalReason.REFUSAL_REASON_CONFLICT));
    await clock.advance(0);
    expect(buffer.parked).toEqual(['telemetry 1-3 conflict']);
  });

  it('is passed over when the disk has damaged it', async () => {
    const { buffer, cloud, clock, stream } = world();
    buffer.damaged = 1n;
    buffer.accept(3);
    await stream();
    buffer.accept(1);
    await clock.advance(100);
    const blocks = cloud.last.sent.filter(({ frame }) => frame?.$case === 'block');
    expect(blocks).toMatchObject([{ frame: { value: { firstSequence: 4n } } }]);
  });

  it('in stock ends the stream, and the next Hello says that it is settled', async () => {
    const { buffer, cloud, clock, stream } = world(new MemoryBuffer('stock'));
    buffer.accept(3);
    await stream();
    const lane = WireLane.LANE_STOCK;
    const answer = refused(1n, 3n, RefusalReason.REFUSAL_REASON_TOO_LARGE);
    if (answer.$case === 'blockRefused') answer.value.lane = lane;
    cloud.last.answer(answer);
    await clock.advance(1_000);
    expect(cloud.links).toHaveLength(2);
    cloud.last.opened();
    expect(cloud.last.sent[0]?.frame).toMatchObject({
      value: { positions: [{ lane, settled: { contiguous: 3n } }] },
    });
  });
});

describe('the end', () => {
  it('of a fenced gateway is final, and says what to do', async () => {
    const { uplink, cloud, clock, stream } = world();
    await stream();
    const value = { incarnation: 'i1', code: 'INCARNATION_FENCED', hint: 'choose one' };
    cloud.last.answer({ $case: 'fenced', value });
    await clock.advance(3_600_000);
    expect(cloud.links).toHaveLength(1);
    expect(uplink.state()).toMatchObject({ phase: 'fenced', error: { hint: 'choose one' } });
    expect(uplink.module.degraded?.()).toContain('choose one');
  });

  it('of the module closes the stream', async () => {
    const { uplink, cloud, clock, stream } = world();
    await stream();
    await uplink.module.stop();
    await clock.advance(60_000);
    expect(cloud.links).toHaveLength(1);
    expect(uplink.state().phase).toBe('stopped');
  });

  it('of an outage is soon: the first retries come fast and slow down', async () => {
    const { uplink, cloud, clock } = world();
    await uplink.module.start();
    const refusedLink = new AppError('UNAVAILABLE', 'refused');
    for (let round = 0; round < 100; round++) {
      cloud.last.end(refusedLink);
      await clock.advance(100);
    }
    // Ten seconds at a delay that grows to at most 1.5 s.
    expect(cloud.links.length).toBeGreaterThanOrEqual(8);
    expect(cloud.links.length).toBeLessThanOrEqual(20);
  });
});
