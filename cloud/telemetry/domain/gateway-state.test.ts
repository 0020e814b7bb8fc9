import { describe, expect, it } from 'vitest';
import { lagOf, SILENCE_MS_MAX, seenState } from './gateway-state.ts';

const LAST_SEEN = 1_000_000_000n;
const limit = BigInt(SILENCE_MS_MAX) * 1000n;

describe('seenState', () => {
  it('counts a connected gateway as lost once it was silent for longer than 15 s', () => {
    const gateway = { state: 'connected', reason: null, lastSeen: LAST_SEEN } as const;
    expect(seenState(gateway, LAST_SEEN + limit)).toBe('connected');
    expect(seenState(gateway, LAST_SEEN + limit + 1n)).toBe('lost');
  });

  it('leaves a gateway that said farewell, or was fenced, what it is', () => {
    const said = { state: 'disconnected', reason: 'closed', lastSeen: LAST_SEEN } as const;
    expect(seenState(said, LAST_SEEN + 10n * limit)).toBe('disconnected');
    const fenced = { state: 'fenced', reason: 'turn', lastSeen: LAST_SEEN } as const;
    expect(seenState(fenced, LAST_SEEN + 10n * limit)).toBe('fenced');
  });

  it('counts a gateway as lost whose connection broke', () => {
    const broke = { state: 'disconnected', reason: 'lost', lastSeen: LAST_SEEN } as const;
    expect(seenState(broke, LAST_SEEN)).toBe('lost');
  });
});

describe('lagOf', () => {
  const ledger = {
    lane: 'telemetry',
    accepted: 100,
    delivered: 60,
    parked: 1,
    condensed: 5,
    dropped: 2,
    damaged: 3,
    pending: 29,
    backlog: 20,
    unkeyed: 0,
    duplicates: 0,
  } as const;

  it('is what was accepted and is neither settled there nor held here', () => {
    expect(lagOf(ledger, 65n)).toBe(29);
  });

  it('is never negative: the ledger is older than what is held', () => {
    expect(lagOf(ledger, 120n)).toBe(0);
  });
});
