import { assert } from '../lib/assert.ts';

/**
 * What a product is, for the tax of a country. Catalogues and orders use the same words.
 */
export const TAX_CLASSES = ['standard', 'reduced', 'super_reduced', 'zero'] as const;
export type TaxClass = (typeof TAX_CLASSES)[number];

/** How one country taxes: basis points (1/10,000) of the net amount per class. */
export interface TaxRule {
  /** Whether the catalogue's prices hold the tax already. */
  readonly inclusive: boolean;
  readonly basisPoints: Readonly<Record<TaxClass, number>>;
}

export interface TaxableLine {
  readonly taxClass: TaxClass;
  readonly unitMinor: number;
  readonly quantity: number;
}

/** In minor units; `net + tax = total`. */
export interface TaxedAmount {
  readonly net: number;
  readonly tax: number;
  readonly total: number;
}

export interface TaxedOrder extends TaxedAmount {
  /** In the order of the lines given. */
  readonly lines: readonly (TaxedAmount & { readonly basisPoints: number })[];
}

/** The largest amount of money.ts: every sum below stays an exact number. */
export const TOTAL_MINOR_MAX = 1_000_000_000_000;

const BASIS = 10_000n;

/**
 * The tax of an order, line by line.
 *
 * The rule of rounding: the tax of a line is computed from the amount of the whole line (unit price
 * × quantity) and rounded once, half up, to the minor unit; the order's amounts are the sums of its
 * lines. So the parts always add up to the total, a line is off by at most half a minor unit from
 * the exact tax, and an order by at most half a minor unit per line.
 *
 * Undefined when the total is beyond TOTAL_MINOR_MAX.
 */
export function taxOrder(lines: readonly TaxableLine[], rule: TaxRule): TaxedOrder | undefined {
  const taxed = lines.map((line) => taxLine(line, rule));
  let net = 0n;
  let tax = 0n;
  for (const line of taxed) {
    net += line.net;
    tax += line.tax;
  }
  if (net + tax > BigInt(TOTAL_MINOR_MAX)) return undefined;
  return {
    ...amounts({ net, tax }),
    lines: taxed.map((line) => ({ ...amounts(line), basisPoints: line.basisPoints })),
  };
}

/** The rule of a country (ISO 3166-1 alpha-2); where no tax is collected, that of an export. */
export function taxRuleOf(country: string): TaxRule {
  return TAX_RULES[country] ?? EXPORT;
}

interface ExactLine {
  readonly net: bigint;
  readonly tax: bigint;
  readonly basisPoints: number;
}

function taxLine({ taxClass, unitMinor, quantity }: TaxableLine, rule: TaxRule): ExactLine {
  assert(Number.isSafeInteger(unitMinor) && unitMinor >= 0, 'a price is whole minor units');
  assert(Number.isSafeInteger(quantity) && quantity >= 1, 'a quantity is a whole number');
  const basisPoints = rule.basisPoints[taxClass];
  const rate = BigInt(basisPoints);
  const amount = BigInt(unitMinor) * BigInt(quantity);
  if (rule.inclusive) {
    const tax = halfUp(amount * rate, BASIS + rate);
    return { net: amount - tax, tax, basisPoints };
  }
  return { net: amount, tax: halfUp(amount * rate, BASIS), basisPoints };
}

function halfUp(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}

function amounts({ net, tax }: { net: bigint; tax: bigint }): TaxedAmount {
  return { net: Number(net), tax: Number(tax), total: Number(net + tax) };
}

const [standard, reduced, superReduced] = [0, 1, 2];

/** Rates in the order standard, reduced, super-reduced; a country without one uses the next up. */
function inclusive(...rates: readonly number[]): TaxRule {
  return { inclusive: true, basisPoints: byClass(rates) };
}

function byClass(rates: readonly number[]): Record<TaxClass, number> {
  const full = rates[standard] ?? 0;
  const less = rates[reduced] ?? full;
  const least = rates[superReduced] ?? less;
  return { standard: full, reduced: less, super_reduced: least, zero: 0 };
}

const EXPORT: TaxRule = { inclusive: false, basisPoints: byClass([]) };

/** Value added tax of the countries that are served, in basis points. */
const TAX_RULES: Readonly<Record<string, TaxRule>> = {
  AT: inclusive(2_000, 1_000),
  BE: inclusive(2_100, 600),
  CH: { inclusive: false, basisPoints: byClass([810, 260]) },
  CZ: inclusive(2_100, 1_200),
  DE: inclusive(1_900, 700),
  DK: inclusive(2_500),
  ES: inclusive(2_100, 1_000, 400),
  FI: inclusive(2_550, 1_350),
  FR: inclusive(2_000, 550, 210),
  GB: inclusive(2_000, 500),
  IE: inclusive(2_300, 1_350, 480),
  IT: inclusive(2_200, 1_000, 400),
  LU: inclusive(1_700, 800, 300),
  NL: inclusive(2_100, 900),
  NO: { inclusive: false, basisPoints: byClass([2_500, 1_500, 1_200]) },
  PL: inclusive(2_300, 800, 500),
  PT: inclusive(2_300, 1_300, 600),
  SE: inclusive(2_500, 1_200, 600),
};
