import { assert } from '@holdfast/shared/lib/assert.ts';

/**
 * The accounts. A positive amount is a debit.
 *
 * - `authorised_holds` and `customer_commitments`: what customers' banks hold for us, and the other
 *   side of it; both are zero when nothing is held.
 * - `acquirer_receivable`: what the acquirer owes us.
 * - `revenue` and `refunds`: what was earned (a credit), and what was given back (a debit).
 */
export const ACCOUNTS = [
  'authorised_holds',
  'customer_commitments',
  'acquirer_receivable',
  'revenue',
  'refunds',
] as const;
export type Account = (typeof ACCOUNTS)[number];

export interface Entry {
  readonly account: Account;
  readonly currency: string;
  readonly minorUnits: bigint;
}

export interface Amount {
  readonly currency: string;
  readonly minorUnits: bigint;
}

export type Posting = 'hold' | 'release' | 'capture' | 'refund';

/** Which accounts a posting moves, and in which direction. Each row sums to zero. */
const MOVES: Readonly<Record<Posting, readonly (readonly [Account, 1n | -1n])[]>> = {
  hold: [
    ['authorised_holds', 1n],
    ['customer_commitments', -1n],
  ],
  release: [
    ['authorised_holds', -1n],
    ['customer_commitments', 1n],
  ],
  capture: [
    ['authorised_holds', -1n],
    ['customer_commitments', 1n],
    ['acquirer_receivable', 1n],
    ['revenue', -1n],
  ],
  refund: [
    ['refunds', 1n],
    ['acquirer_receivable', -1n],
  ],
};

export function entriesOf(posting: Posting, { currency, minorUnits }: Amount): readonly Entry[] {
  assert(minorUnits >= 0n, 'an amount is not negative');
  const entries = MOVES[posting].map(([account, sign]) => ({
    account,
    currency,
    minorUnits: sign * minorUnits,
  }));
  assertBalanced(entries);
  return entries;
}

/** Per currency, zero or not. Throws for a transaction that does not balance (I8). */
export function assertBalanced(entries: readonly Entry[]): void {
  for (const [currency, sum] of sums(entries)) assert(sum === 0n, `${currency} sums to ${sum}`);
}

export function sums(entries: readonly Amount[]): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const { currency, minorUnits } of entries) {
    found.set(currency, (found.get(currency) ?? 0n) + minorUnits);
  }
  return found;
}
