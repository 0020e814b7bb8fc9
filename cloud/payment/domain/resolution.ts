import type { OperationKind } from './payment.ts';

/** An Authorise is sent so often, and only after the acquirer said that nothing was done. */
export const SENDS_MAX = 4;
/** After so many questions an Authorise that nobody knows is voided by its reference. */
export const QUERIES_MAX = 5;
const DELAY_MS_MIN = 100;
export const DELAY_MS_MAX = 60_000;

/** What a call brought that settles nothing. */
export type Report =
  | { readonly call: 'send'; readonly outcome: 'retryable' | 'unknown' }
  | { readonly call: 'query'; readonly outcome: 'absent' | 'unknown' };

export type NextStep =
  | { readonly step: 'send' | 'query'; readonly delayMs: number }
  /** Declined, and voided by reference. */
  | { readonly step: 'abandon' };

export interface Tries {
  readonly kind: OperationKind;
  readonly sends: number;
  readonly queries: number;
}

/**
 * What comes next for an operation without the acquirer's word. An Authorise whose fate is unknown
 * is never sent again (I5): it is asked for, then given up. The others follow a payment that
 * exists, and the acquirer does each operation id once: they are asked for, then sent again, until
 * there is a word.
 */
export function nextStep(tries: Tries, report: Report): NextStep {
  const { kind, sends, queries } = tries;
  if (kind !== 'authorise') {
    const step = report.outcome === 'unknown' ? 'query' : 'send';
    return { step, delayMs: delayMs(sends + queries) };
  }
  if (report.outcome === 'retryable') {
    return sends < SENDS_MAX ? { step: 'send', delayMs: delayMs(sends) } : { step: 'abandon' };
  }
  return queries < QUERIES_MAX ? { step: 'query', delayMs: delayMs(queries) } : { step: 'abandon' };
}

function delayMs(tries: number): number {
  return Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(tries, 20));
}
