import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Settlement, SettlementKind } from '../buffer-store.ts';
import { withSettlement } from './settlements.ts';

const of = (kind: SettlementKind, first: number, last: number): Settlement => ({
  kind,
  range: { first: BigInt(first), last: BigInt(last) },
  reason: 'r',
});

it('neighbours of one kind become one record, but each damage stays one of its own', () => {
  const held = [of('dropped', 1, 5), of('damaged', 11, 11)];
  expect(withSettlement(held, of('dropped', 6, 10))).toEqual([
    of('dropped', 1, 10),
    of('damaged', 11, 11),
  ]);
  expect(withSettlement(held, of('damaged', 12, 12))).toHaveLength(3);
});

it('what was condensed and is dropped later counts as dropped', () => {
  expect(withSettlement([of('condensed', 1, 100)], of('dropped', 1, 40))).toEqual([
    of('dropped', 1, 40),
    of('condensed', 41, 100),
  ]);
});

it('each sequence keeps its last end, whatever came in which order', () => {
  const action = fc.record({
    kind: fc.constantFrom<SettlementKind>('condensed', 'dropped', 'damaged'),
    first: fc.integer({ min: 1, max: 60 }),
    length: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      const model = new Map<number, SettlementKind>();
      let settlements: readonly Settlement[] = [];
      for (const { kind, first, length } of actions) {
        const all = Array.from({ length }, (_, at) => first + at);
        // Nothing ends twice, but for what was only condensed.
        if (all.some((one) => (model.get(one) ?? 'condensed') !== 'condensed')) continue;
        for (const one of all) model.set(one, kind);
        settlements = withSettlement(settlements, of(kind, first, first + length - 1));
      }
      const seen = new Map<number, SettlementKind>();
      for (const { kind, range } of settlements)
        for (let at = range.first; at <= range.last; at++) {
          expect(seen.has(Number(at))).toBe(false);
          seen.set(Number(at), kind);
        }
      expect(seen).toEqual(new Map([...model].sort(([a], [b]) => a - b)));
    }),
  );
});
