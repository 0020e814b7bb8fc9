import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertBalanced, entriesOf, sums } from './ledger.ts';
import { type OperationKind, type PaymentState, rulingOn, STATE_DURING } from './payment.ts';
import { settle } from './settlement.ts';

const KINDS = ['authorise', 'capture', 'void', 'refund'] as const satisfies OperationKind[];
const stepArbitrary = fc.record({
  kind: fc.constantFrom(...KINDS),
  word: fc.constantFrom('done' as const, 'declined' as const),
  refunded: fc.bigInt(1n, 1_000n),
});

it('whatever happens to a payment, its books balance and its holds end with it', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 1_000_000_000_000n),
      fc.array(stepArbitrary, { maxLength: 12 }),
      (minorUnits, steps) => {
        let state: PaymentState | undefined;
        let isHeld = false;
        const balances = new Map<string, bigint>();
        for (const { kind, word, refunded } of steps) {
          if (rulingOn(state, kind) !== 'start') continue;
          const settlement = settle({ kind, word, state: STATE_DURING[kind], isHeld });
          state = settlement.state;
          if (kind === 'authorise' && word === 'done') isHeld = true;
          if (!settlement.posting) continue;
          const amount = kind === 'refund' ? refunded : minorUnits;
          const entries = entriesOf(settlement.posting, { currency: 'EUR', minorUnits: amount });
          for (const entry of entries) {
            const { account } = entry;
            balances.set(account, (balances.get(account) ?? 0n) + entry.minorUnits);
          }
          expect([...sums(entries).values()]).toEqual([0n]);
        }
        const held = state === 'authorised' ? minorUnits : 0n;
        expect(balances.get('authorised_holds') ?? 0n).toBe(held);
        expect(balances.get('customer_commitments') ?? 0n).toBe(-held);
        expect([...balances.values()].reduce((sum, each) => sum + each, 0n)).toBe(0n);
      },
    ),
  );
});

it('bites: a posting that does not balance is thrown', () => {
  const [entry] = entriesOf('hold', { currency: 'EUR', minorUnits: 5n });
  expect(() => assertBalanced([entry!])).toThrow('EUR sums to 5');
});
