import { describe, expect, it } from 'vitest';
import type { Gateway } from './api.ts';
import { backlogProgress } from './backlog-progress.ts';
import { type Fleet, nextFleet, trackKey } from './fleet.ts';
import { stateChanges, stateLabel, trouble } from './gateway-words.ts';

function gateway(change: Partial<Gateway> = {}): Gateway {
  return {
    id: 'gw_1',
    site: 'site-1',
    state: 'connected',
    reason: null,
    lastSeen: '2026-05-01T12:00:00Z',
    softwareVersion: '0.1.0',
    bufferBytes: 0,
    connectedDevices: 1,
    reportedAt: null,
    revokedAt: null,
    lanes: [],
    ...change,
  };
}

function withBacklog(backlog: number | null): Gateway {
  return gateway({ lanes: [{ lane: 'telemetry', lag: 0, backlog, ledger: null }] });
}

describe('the gateways as they are followed', () => {
  const empty: Fleet = {
    gateways: [],
    cut: false,
    atMs: 0,
    backlogs: new Map(),
    failure: new Error('before'),
  };

  it('keep the track of each open backlog, and forget what failed before', () => {
    const first = nextFleet(empty, { items: [withBacklog(200)], cut: false }, 1_000);
    const second = nextFleet(first, { items: [withBacklog(50)], cut: false }, 4_000);
    expect(second.failure).toBeUndefined();
    const track = second.backlogs.get(trackKey('gw_1', 'telemetry'))!;
    expect(backlogProgress(track)).toMatchObject({ left: 50, total: 200, secondsLeft: 1 });
    const closed = nextFleet(second, { items: [withBacklog(0)], cut: false }, 5_000);
    expect(closed.backlogs.size).toBe(0);
  });

  it('have no backlog before their first report', () => {
    expect(nextFleet(empty, { items: [withBacklog(null)], cut: false }, 1).backlogs.size).toBe(0);
  });
});

describe('the words for a gateway', () => {
  it('are none while it is connected, and say what happens to the data otherwise', () => {
    expect(trouble(gateway())).toBeUndefined();
    for (const state of ['lost', 'disconnected'] as const) {
      expect(trouble(gateway({ state }))).toContain('on its own disk');
    }
    expect(trouble(gateway({ state: 'disconnected', reason: 'closed' }))).toContain('stopped');
    expect(trouble(gateway({ state: 'fenced', reason: 'turn' }))).toContain('Two copies');
    const revoked = gateway({ revokedAt: '2026-05-01T12:00:00Z' });
    expect(trouble(revoked)).toContain('enrolled again');
    expect(stateLabel(revoked)).toBe('Revoked');
    expect(stateChanges([gateway()], [revoked])).toEqual(['Gateway gw_1: revoked.']);
  });

  it('tell what changed, and nothing about a gateway that is new', () => {
    const after = [gateway({ state: 'lost' }), gateway({ id: 'gw_2', state: 'lost' })];
    expect(stateChanges([gateway()], after)).toEqual(['Gateway gw_1: lost.']);
    expect(stateChanges(after, after)).toEqual([]);
  });
});
