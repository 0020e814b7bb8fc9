import { stockMessageSchema } from '@holdfast/shared/contracts/stock-message.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ScriptedBroker, scriptedBroker } from './link/broker.fixture.ts';
import { type RunOptions, runScenario } from './run-scenario.ts';
import { NO_FAULTS, parseFaults } from './scenario/faults.ts';

let broker: ScriptedBroker;

beforeEach(async () => {
  broker = await scriptedBroker();
});
afterEach(() => broker.close());

describe('a run of the cold store', () => {
  it('publishes readings of all devices, and counts what was acknowledged', async () => {
    const acknowledged: string[] = [];
    const summary = await run({ onAcknowledged: ({ payload }) => acknowledged.push(payload) });
    expect(summary.published).toBeGreaterThanOrEqual(200);
    expect(summary).toMatchObject({ retried: 0, notAcknowledged: 0 });
    expect(acknowledged).toHaveLength(summary.acknowledged);
    expect(new Set(broker.publishes.map(({ topic }) => topic.split('/')[1])).size).toBe(10);
    expect(JSON.parse(acknowledged[0]!)).toMatchObject({ boot: expect.stringMatching(/^run-1$/) });
  });

  it('has one connection per device, whose session the broker keeps', async () => {
    await run();
    const kept = broker.connects.filter(({ clean }) => !clean).map(({ clientId }) => clientId);
    expect(kept).toHaveLength(10);
    expect(new Set(kept).size).toBe(10);
  });

  it('gets every message through, though lines are cut and the broker goes away', async () => {
    const done = run({ rate: 1_000, faults: parseFaults('reconnect,duplicate,unkeyed') });
    await vi.waitFor(() => expect(broker.publishes.length).toBeGreaterThan(100));
    await broker.close();
    await broker.reopen();
    const summary = await done;
    expect(summary.notAcknowledged).toBe(0);
    expect(summary.published).toBeGreaterThanOrEqual(1_000);
  });

  it('has a scanner that receives and picks, when stock is asked for', async () => {
    await run({ stock: 'with', durationMs: 3_200 });
    const scans = broker.publishes.filter(({ topic }) => topic === 'devices/scanner-01/stock');
    const told = scans.map(({ payload }) => stockMessageSchema.parse(JSON.parse(`${payload}`)));
    expect(told).toHaveLength(11);
    expect(new Set(told.map(({ item }) => item)).size).toBe(11);
    expect(new Set(told.map(({ movement }) => movement)).size).toBe(11);
  });

  it('ends at the signal, and still waits for what is on its way', async () => {
    const ending = new AbortController();
    const done = run({ durationMs: undefined, signal: ending.signal });
    await vi.waitFor(() => expect(broker.publishes.length).toBeGreaterThan(10));
    ending.abort(new Error('enough'));
    expect((await done).notAcknowledged).toBe(0);
  });

  it('says that there is no broker', async () => {
    await broker.close();
    const alone = run({ firstConnectMsMax: 200 });
    await expect(alone).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await broker.reopen();
  });
});

function run(options: Partial<RunOptions> = {}) {
  return runScenario({
    scenario: 'cold-store',
    url: broker.url,
    seed: 1,
    deviceCount: 10,
    rate: 200,
    faults: NO_FAULTS,
    qos: 'mixed',
    stock: 'without',
    durationMs: 1_000,
    runId: 'run',
    clock: systemClock,
    random: seededRandom(1),
    ...options,
  });
}
