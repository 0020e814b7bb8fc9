import {
  type EventEnvelope,
  envelopeToHeaders,
} from '@holdfast/shared/contracts/event-envelope.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyGatewayEvent } from '../events/gateway-consumer.ts';
import { at, readings, TestApi } from './api.fixture.ts';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.open();
});
afterEach(() => api.close());

describe('GET /v1/gateways', () => {
  const ledger = {
    lane: 'telemetry',
    accepted: 10,
    delivered: 3,
    parked: 1,
    condensed: 0,
    dropped: 0,
    damaged: 0,
    pending: 6,
    backlog: 4,
    unkeyed: 0,
    duplicates: 0,
  };
  let sequence = 0;
  const say = async (type: string, data: object, second = 0): Promise<void> => {
    sequence += 1;
    const envelope: EventEnvelope = {
      specversion: '1.0',
      id: `${sequence}`,
      source: 'edge-link',
      type,
      subject: 'gw_1',
      time: at(second),
      datacontenttype: 'application/json',
      dataschema: 'urn:x',
      tenant: 'dev',
      region: 'local',
      sequence: `${sequence}`,
    };
    const event = {
      key: 'gw_1',
      topic: 'gateways',
      partition: 0,
      offset: BigInt(sequence),
      headers: envelopeToHeaders(envelope),
      value: Buffer.from(JSON.stringify({ gatewayId: 'gw_1', site: 'site-1', ...data })),
    } as const;
    await api.sql.transaction((tx) => applyGatewayEvent(tx, { envelope, event }, 1n));
  };
  const first = async () => (await api.get('/v1/gateways')).body.items[0];

  it('shows both sides of each lane, the lag and the backlog', async () => {
    await say('gateway.connected.v1', { incarnation: '01b', softwareVersion: '0.1.0' });
    const report = { bufferBytes: 4096, connectedDevices: 5, lanes: [ledger] };
    await say('gateway.reported.v1', { incarnation: '01b', ...report }, 2);
    await api.store(readings([1, 2, 3, 4]), { incarnation: '01a' });
    await api.store(readings([1, 2]), { incarnation: '01b' });
    await api.store(readings([4]), { incarnation: '01b', first: 4 });
    await api.store(readings([1, 2, 3]), { incarnation: '01b' });
    const gateway = await first();
    expect(gateway).toMatchObject({
      id: 'gw_1',
      site: 'site-1',
      state: 'connected',
      reason: null,
      lastSeen: at(2),
      incarnation: '01b',
      softwareVersion: '0.1.0',
      bufferBytes: 4096,
      connectedDevices: 5,
      reportedAt: at(2),
      revokedAt: null,
    });
    expect(gateway.lanes.map((lane: { lane: string }) => lane.lane)).toEqual([
      'stock',
      'event',
      'telemetry',
    ]);
    expect(gateway.lanes[2]).toEqual({
      lane: 'telemetry',
      lag: 10 - 1 - 7,
      backlog: 4,
      ledger,
      cloud: {
        contiguous: 2,
        highest: 4,
        held: 7,
        condensed: 0,
        openRanges: 1,
        parked: 3,
        incarnation: '01b',
      },
    });
  });

  it('is revoked from the moment that auth says so, also before it was ever heard of', async () => {
    await say('gateway.revoked.v1', {}, 3);
    expect(await first()).toBeUndefined();
    await say('gateway.connected.v1', { incarnation: '01a', softwareVersion: '0.1.0' }, 4);
    expect(await first()).toMatchObject({ state: 'connected', revokedAt: at(3) });
    await say('gateway.disconnected.v1', { incarnation: '01a', reason: 'closed' }, 5);
    await say('gateway.revoked.v1', {}, 6);
    expect(await first()).toMatchObject({ state: 'disconnected', revokedAt: at(3) });
  });

  it('is connected, lost when silent, connected again, disconnected, fenced', async () => {
    const incarnation = '01a';
    await say('gateway.connected.v1', { incarnation, softwareVersion: '0.1.0' });
    expect((await first()).state).toBe('connected');
    await api.clock.advance(15_001);
    expect((await first()).state).toBe('lost');
    const report = { incarnation, bufferBytes: 0, connectedDevices: 0, lanes: [] };
    await say('gateway.reported.v1', report, 16);
    expect((await first()).state).toBe('connected');
    await say('gateway.disconnected.v1', { incarnation, reason: 'closed' }, 17);
    expect(await first()).toMatchObject({ state: 'disconnected', reason: 'closed' });
    await say('gateway.fenced.v1', { incarnation, reason: 'turn' }, 18);
    expect(await first()).toMatchObject({ state: 'fenced', reason: 'turn' });
  });

  it('parks an event that is not what its type says, and goes on', async () => {
    await say('gateway.connected.v1', { incarnation: 7 });
    await say('gateway.painted.v1', { colour: 'red' });
    await say('gateway.connected.v1', { incarnation: '01a', softwareVersion: '0.1.0' });
    expect((await first()).incarnation).toBe('01a');
    const parked = await api.sql.read((db) => db.selectFrom('parked').select('reason').execute());
    expect(parked).toEqual([{ reason: 'unreadable' }]);
  });
});
