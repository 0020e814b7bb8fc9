import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, latestAmong } from './latest.ts';

function candidate(changes: Partial<Candidate>): Candidate {
  return {
    gateway_id: 'gw_1',
    lane: 'telemetry',
    incarnation: '01a',
    sequence: 1n,
    received_at: 0n,
    ...changes,
  };
}

describe('latestAmong', () => {
  it('takes the highest sequence, not the last to be received', () => {
    const low = candidate({ sequence: 8n, received_at: 900n });
    const high = candidate({ sequence: 9n, received_at: 100n });
    expect(latestAmong([low, high])).toBe(high);
  });

  it('takes the later incarnation, whose sequences begin at 1 again', () => {
    const before = candidate({ incarnation: '01a', sequence: 500n, received_at: 900n });
    const after = candidate({ incarnation: '01b', sequence: 2n, received_at: 100n });
    expect(latestAmong([after, before])).toBe(after);
  });

  it('takes what was received last when two gateways hear the same device', () => {
    const here = candidate({ gateway_id: 'gw_1', sequence: 500n, received_at: 100n });
    const there = candidate({ gateway_id: 'gw_2', sequence: 2n, received_at: 900n });
    expect(latestAmong([here, there])).toBe(there);
  });

  it('is the same in any order of arrival', () => {
    const candidates = fc
      .uniqueArray(
        fc.record({
          gateway_id: fc.constantFrom('gw_1', 'gw_2'),
          lane: fc.constantFrom('event', 'telemetry'),
          incarnation: fc.constantFrom('01a', '01b', '01c'),
          sequence: fc.bigInt({ min: 1n, max: 20n }),
        }),
        { selector: (each) => Object.values(each).join(), minLength: 1, maxLength: 12 },
      )
      .map((list) =>
        list.map((each, index) => ({ ...each, received_at: BigInt((index * 7) % 13) })),
      );
    const orders = candidates.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(orders, ([list, order]) => {
        expect(latestAmong(order)).toBe(latestAmong(list));
      }),
    );
  });
});
