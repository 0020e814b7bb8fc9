import { EMPTY_POSITION } from '@holdfast/shared/domain/ranges.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type HelloClaim,
  type IncarnationState,
  ISSUED_TURNS_MAX,
  judgeHello,
  type LaneClaim,
  showTurn,
  type Turns,
} from './fencing.ts';

function known(turns: Partial<Turns>, more: Partial<IncarnationState> = {}): IncarnationState {
  return {
    turns: { shown: '', issued: [], ...turns },
    fenced: undefined,
    superseded: false,
    reportedDelivered: new Map(),
    ...more,
  };
}

function hello(lastTurn: string, lanes: readonly LaneClaim[] = []): HelloClaim {
  return { lastTurn, lanes };
}

function lane(accepted: bigint, durable: bigint, acknowledged = 0n): LaneClaim {
  return {
    lane: 'telemetry',
    accepted,
    durable: { ...EMPTY_POSITION, contiguous: durable },
    acknowledged: { ...EMPTY_POSITION, contiguous: acknowledged },
  };
}

describe('the turn of a Hello', () => {
  const cases: [string, IncarnationState | undefined, string, 'welcome' | 'turn'][] = [
    ['an incarnation that never spoke', undefined, '', 'welcome'],
    ['a re-enrolled gateway that kept its last turn', undefined, 'a', 'welcome'],
    ['the turn that was shown last', known({ shown: 'a' }), 'a', 'welcome'],
    ['the last turn, not yet shown', known({ shown: 'a', issued: ['b'] }), 'b', 'welcome'],
    ['the one before, the last was lost', known({ shown: 'a', issued: ['b'] }), 'a', 'welcome'],
    ['the one before, two were lost', known({ shown: 'a', issued: ['b', 'c'] }), 'a', 'welcome'],
    ['the first Welcome was lost', known({ issued: ['b'] }), '', 'welcome'],
    ['an older turn, after the last was shown', known({ shown: 'b' }), 'a', 'turn'],
    ['no turn, after one was shown', known({ shown: 'a' }), '', 'turn'],
    ['a turn that was never given out', known({ shown: 'a', issued: ['b'] }), 'x', 'turn'],
    ['a fenced incarnation', known({ shown: 'a' }, { fenced: 'turn' }), 'a', 'turn'],
    ['a superseded incarnation', known({ shown: 'a' }, { superseded: true }), 'a', 'turn'],
  ];
  it.each(cases)('%s', (_name, state, turn, expected) => {
    const verdict = judgeHello(hello(turn), state, 'fresh');
    expect(verdict.kind === 'welcome' ? 'welcome' : verdict.reason).toBe(expected);
  });

  it('gives out the fresh turn beside those that nobody has shown yet', () => {
    expect(judgeHello(hello('a'), known({ shown: 'a', issued: ['b'] }), 'c')).toEqual({
      kind: 'welcome',
      turns: { shown: 'a', issued: ['b', 'c'] },
    });
    expect(judgeHello(hello('b'), known({ shown: 'a', issued: ['b'] }), 'c')).toEqual({
      kind: 'welcome',
      turns: { shown: 'b', issued: ['c'] },
    });
  });

  it('remembers a bounded number of turns that were never shown', () => {
    const issued = Array.from({ length: ISSUED_TURNS_MAX }, (_, index) => `t${index}`);
    const verdict = judgeHello(hello('a'), known({ shown: 'a', issued }), 'fresh');
    expect(verdict).toEqual({
      kind: 'welcome',
      turns: { shown: 'a', issued: [...issued.slice(1), 'fresh'] },
    });
  });

  it('finds out the second of two copies, however they interleave', () => {
    // Each step one of two clones says Hello, and perhaps shows the turn that it got, or loses the
    // Welcome.
    const step = fc.record({
      who: fc.constantFrom(0, 1),
      fate: fc.constantFrom<'shown' | 'held' | 'lost'>('shown', 'held', 'lost'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let turns: Turns = { shown: 'start', issued: [] };
        const held = ['start', 'start'];
        const showed = new Set<number>();
        let isFenced = false;
        steps.forEach(({ who, fate }, index) => {
          if (isFenced) return;
          const verdict = judgeHello(hello(held[who]!), known(turns), `t${index}`);
          if (verdict.kind === 'fenced') {
            isFenced = true;
            return;
          }
          turns = verdict.turns;
          // A Hello with a turn that only this copy has shows it as well.
          if (held[who] !== 'start') showed.add(who);
          if (fate === 'lost') return;
          held[who] = `t${index}`;
          if (fate === 'held') return;
          const next = showTurn(turns, `t${index}`);
          expect(next).toBeDefined();
          turns = next!;
          showed.add(who);
        });
        // Both copies showed a turn of their own: one of them must have been turned away.
        if (showed.size === 2) expect(isFenced).toBe(true);
        if (new Set(steps.map(({ who }) => who)).size < 2) expect(isFenced).toBe(false);
      }),
    );
  });
});

describe('the positions of a Hello', () => {
  const state = (delivered: bigint): IncarnationState =>
    known({ shown: 'a' }, { reportedDelivered: new Map([['telemetry', delivered]]) });
  const cases: [string, LaneClaim, bigint, 'welcome' | 'position'][] = [
    ['accepted what the cloud holds', lane(10n, 10n, 10n), 0n, 'welcome'],
    ['lost an acknowledgement', lane(10n, 10n, 5n), 5n, 'welcome'],
    ['accepted more', lane(12n, 10n, 10n), 10n, 'welcome'],
    ['accepted less than the cloud holds: a restored backup', lane(9n, 10n, 5n), 0n, 'position'],
    ['remembers less than it once reported', lane(12n, 10n, 5n), 7n, 'position'],
  ];
  it.each(cases)('%s', (_name, claim, delivered, expected) => {
    const verdict = judgeHello(hello('a', [claim]), state(delivered), 'fresh');
    expect(verdict.kind === 'welcome' ? 'welcome' : verdict.reason).toBe(expected);
  });
});
