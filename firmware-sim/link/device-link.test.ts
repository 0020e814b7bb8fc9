import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ScriptedBroker, scriptedBroker } from './broker.fixture.ts';
import {
  type DeviceLink,
  type DeviceLinkOptions,
  IN_FLIGHT_MAX,
  openDeviceLink,
  QUEUED_MAX,
} from './device-link.ts';
import { newTally, summaryOf, type Tally } from './tally.ts';

const DRAIN_MS = 5_000;
let broker: ScriptedBroker;
let tally: Tally;

beforeEach(async () => {
  broker = await scriptedBroker();
  tally = newTally();
});
afterEach(() => broker.close());

describe('a device link', () => {
  it.each([0, 1, 2] as const)('sends in order with QoS %i', async (qos) => {
    const link = await open();
    for (let n = 0; n < 200; n++) await link.send(message(n, qos));
    await link.close(DRAIN_MS);
    await vi.waitFor(() => expect(broker.publishes).toHaveLength(200));
    expect(received()).toEqual(numbers(200));
    const acknowledged = qos === 0 ? 0 : 200;
    expect(summaryOf(tally)).toMatchObject({ published: 200, acknowledged, notAcknowledged: 0 });
  });

  it('sends what was not acknowledged again, with DUP, after the line was cut', async () => {
    broker.acknowledges = false;
    const link = await open();
    for (let n = 0; n < 10; n++) await link.send(message(n, 1));
    await vi.waitFor(() => expect(broker.publishes).toHaveLength(10));
    broker.acknowledges = true;
    broker.cut();
    await link.close(DRAIN_MS);
    const again = broker.publishes.slice(10);
    expect(again.every(({ dup }) => dup)).toBe(true);
    expect(again.map(({ payload }) => Number(payload))).toEqual(numbers(10));
    expect(summaryOf(tally)).toMatchObject({ acknowledged: 10, retried: 10, notAcknowledged: 0 });
  });

  it('loses nothing while the broker is away', async () => {
    const link = await open();
    await broker.close();
    for (let n = 0; n < 300; n++) await link.send(message(n, n % 2 === 0 ? 1 : 2));
    await broker.reopen();
    await link.close(DRAIN_MS);
    expect([...new Set(received())].sort((a, b) => a - b)).toEqual(numbers(300));
    expect(summaryOf(tally).notAcknowledged).toBe(0);
  });

  it('cuts a line on which nothing is acknowledged in time', async () => {
    broker.acknowledges = false;
    const link = await open({ ackTimeoutMs: 200 });
    await link.send(message(0, 1));
    await vi.waitFor(() => expect(broker.connects.length).toBeGreaterThan(1), { timeout: 5_000 });
    broker.acknowledges = true;
    await link.close(DRAIN_MS);
    expect(summaryOf(tally).notAcknowledged).toBe(0);
  });

  it('makes the sender wait when its queue is full, and drops nothing', async () => {
    broker.acknowledges = false;
    const link = await open();
    for (let n = 0; n < IN_FLIGHT_MAX + QUEUED_MAX; n++) await link.send(message(n, 1));
    let isSent = false;
    const waiting = link.send(message(IN_FLIGHT_MAX + QUEUED_MAX, 1)).then(() => {
      isSent = true;
    });
    await vi.waitFor(() => expect(broker.publishes).toHaveLength(IN_FLIGHT_MAX));
    expect(isSent).toBe(false);
    broker.acknowledges = true;
    broker.cut();
    await waiting;
    await link.close(DRAIN_MS);
    expect(summaryOf(tally).notAcknowledged).toBe(0);
  });

  it('says what was not acknowledged when the deadline passes', async () => {
    broker.acknowledges = false;
    const link = await open();
    await link.send(message(0, 1));
    await link.close(50);
    expect(summaryOf(tally)).toMatchObject({ published: 1, acknowledged: 0, notAcknowledged: 1 });
  });

  it('lets the broker forget an old session before it relies on a new one', async () => {
    const link = await open({ session: 'kept' });
    await link.close(DRAIN_MS);
    expect(broker.connects.map(({ clean }) => clean)).toEqual([true, false]);
  });

  it('comes back by itself after it was cut', async () => {
    const link = await open();
    link.cut(10);
    await vi.waitFor(() => expect(tally.connections).toBe(2));
    await link.close(DRAIN_MS);
  });

  it('leaves no line open, though it is closed while it comes back', async () => {
    const link = await open();
    link.cut(60_000);
    await vi.waitFor(() => expect(broker.lineCount).toBe(0));
    await link.close(DRAIN_MS);
    // By the time this one came and went, the other would have come back.
    await (await open({ clientId: 'other' })).close(DRAIN_MS);
    await vi.waitFor(() => expect(broker.lineCount).toBe(0));
  });

  it('ends an absence when it is closed, so that nothing is left behind', async () => {
    const link = await open();
    link.cut(60_000);
    await link.send(message(0, 1));
    await link.close(DRAIN_MS);
    expect(summaryOf(tally)).toMatchObject({ acknowledged: 1, notAcknowledged: 0 });
  });
});

describe('the first connection', () => {
  it('says that nobody answers, and what to do', async () => {
    await broker.close();
    await expect(open({ firstConnectMsMax: 300 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(broker.url),
      hint: expect.stringContaining('npm start'),
    });
    await broker.reopen();
  });

  it('waits for a broker that is about to start', async () => {
    await broker.close();
    const opening = open();
    await broker.reopen();
    await (await opening).close(DRAIN_MS);
  });

  it('does not try on when it is refused for good', async () => {
    broker.returnCode = 5;
    const url = broker.url.replace('//', '//user:hidden@');
    const refusal = await open({ url }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'FORBIDDEN' });
    expect(String(refusal)).not.toContain('hidden');
  });
});

function open(options: Partial<DeviceLinkOptions> = {}): Promise<DeviceLink> {
  return openDeviceLink({
    url: broker.url,
    clientId: 'device',
    session: 'clean',
    tally,
    clock: systemClock,
    random: seededRandom(1),
    ...options,
  });
}

function message(n: number, qos: 0 | 1 | 2) {
  return { topic: 'devices/device/telemetry/n', payload: String(n), qos };
}

function received(): number[] {
  return broker.publishes.map(({ payload }) => Number(payload));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
