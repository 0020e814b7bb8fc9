import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  TAX_CLASSES,
  type TaxedAmount,
  type TaxRule,
  TOTAL_MINOR_MAX,
  taxOrder,
  taxRuleOf,
} from './tax.ts';

const line = fc.record({
  taxClass: fc.constantFrom(...TAX_CLASSES),
  unitMinor: fc.integer({ min: 0, max: 10_000_000 }),
  quantity: fc.integer({ min: 1, max: 1_000 }),
});
const lines = fc.array(line, { minLength: 1, maxLength: 50 });
const country = fc.constantFrom('DE', 'FR', 'CH', 'NO', 'ES', 'US', 'FI');

/** What the exact tax of the lines is, as a fraction of two integers, times the denominators. */
function exactTax(rule: TaxRule, each: { unitMinor: number; quantity: number; rate: number }) {
  const base = 10_000 + (rule.inclusive ? each.rate : 0);
  return (each.unitMinor * each.quantity * each.rate) / base;
}

describe('the tax of an order', () => {
  it('adds up: net and tax are the total, and the lines are the order', () => {
    fc.assert(
      fc.property(lines, country, (given, where) => {
        const taxed = taxOrder(given, taxRuleOf(where));
        if (!taxed) return;
        const sum = (of: (line: TaxedAmount) => number): number =>
          taxed.lines.reduce((total, each) => total + of(each), 0);
        expect(taxed.net + taxed.tax).toBe(taxed.total);
        expect(sum((each) => each.total)).toBe(taxed.total);
        expect(sum((each) => each.tax)).toBe(taxed.tax);
        for (const each of taxed.lines) {
          expect(each.net + each.tax).toBe(each.total);
          expect(Number.isSafeInteger(each.tax) && each.tax >= 0 && each.net >= 0).toBe(true);
        }
      }),
    );
  });

  it('is off by at most half a minor unit per line', () => {
    fc.assert(
      fc.property(lines, country, (given, where) => {
        const rule = taxRuleOf(where);
        const taxed = taxOrder(given, rule);
        if (!taxed) return;
        given.forEach(({ unitMinor, quantity }, index) => {
          const { tax, basisPoints: rate } = taxed.lines[index]!;
          const off = Math.abs(tax - exactTax(rule, { unitMinor, quantity, rate }));
          expect(off).toBeLessThanOrEqual(0.5 + 1e-6);
        });
      }),
    );
  });

  it('leaves an inclusive price as it is, and adds to an exclusive one', () => {
    fc.assert(
      fc.property(line, (each) => {
        const amount = each.unitMinor * each.quantity;
        expect(taxOrder([each], taxRuleOf('DE'))?.total).toBe(amount);
        expect(taxOrder([each], taxRuleOf('NO'))?.net).toBe(amount);
        expect(taxOrder([each], taxRuleOf('US'))).toMatchObject({ total: amount, tax: 0 });
      }),
    );
  });

  it('rounds half up, once per line', () => {
    const standard = { taxClass: 'standard', quantity: 1 } as const;
    expect(taxOrder([{ ...standard, unitMinor: 119 }], taxRuleOf('DE'))?.tax).toBe(19);
    // 25 % of 2 is half a unit.
    expect(taxOrder([{ ...standard, unitMinor: 2 }], taxRuleOf('NO'))?.tax).toBe(1);
    expect(taxOrder([{ ...standard, unitMinor: 2, quantity: 2 }], taxRuleOf('NO'))?.tax).toBe(1);
  });

  it('refuses what is beyond the largest amount', () => {
    const most = { taxClass: 'zero', unitMinor: TOTAL_MINOR_MAX, quantity: 1 } as const;
    expect(taxOrder([most], taxRuleOf('DE'))?.total).toBe(TOTAL_MINOR_MAX);
    expect(taxOrder([most, { ...most, unitMinor: 1 }], taxRuleOf('DE'))).toBeUndefined();
  });
});
