import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Order } from './order.ts';
import type { Fact } from './order-states.ts';
import type { PeerCallName } from './steps.ts';

/** How long an order may wait for certain answers. */
export interface SagaLimits {
  /** From being placed until it is confirmed; less than the hold of its reservation. */
  readonly confirmMicros: bigint;
  /** From being confirmed until it is shipped: the acquirer forgets an authorisation then. */
  readonly captureMicros: bigint;
  /** From the wish to ship until the money is taken. */
  readonly shipMicros: bigint;
}

/** What is to be done with an order; a pure function of what is stored, so a crash goes on. */
export type Work =
  /** Peers are asked: in turn as long as one is done, or all of them whatever one answers. */
  | {
      readonly kind: 'ask';
      readonly calls: readonly PeerCallName[];
      readonly how: 'in-turn' | 'together';
    }
  /** Time alone made this happen. */
  | { readonly kind: 'fact'; readonly fact: Fact; readonly reason: string }
  /** Nothing until then. */
  | { readonly kind: 'wait'; readonly until: bigint }
  | { readonly kind: 'none' };

export function workOf(order: Order, now: bigint, limits: SagaLimits): Work {
  switch (order.state) {
    case 'placed':
      return forward(order, 'reserve', { now, limits });
    case 'reserved':
      return forward(order, 'authorise', { now, limits });
    case 'authorised':
      return forward(order, 'confirm', { now, limits });
    case 'confirmed': {
      const until = order.stateSince + limits.captureMicros;
      if (now < until) return { kind: 'wait', until };
      return { kind: 'fact', fact: 'lapsed', reason: 'it was not shipped in time' };
    }
    case 'shipping':
      if (now >= order.stateSince + limits.shipMicros) return gaveUp('shipping');
      // The goods first: what cannot be picked must not be paid.
      return { kind: 'ask', calls: ['pick', 'capture'], how: 'in-turn' };
    case 'cancelling':
      // No limit here: what was promised or held is given back however long a peer is away.
      return { kind: 'ask', calls: order.undo, how: 'together' };
    case 'refunding':
      return { kind: 'ask', calls: ['refund'], how: 'in-turn' };
    default:
      return { kind: 'none' };
  }
}

/** What one call came to. */
export type Answer =
  | { readonly kind: 'done'; readonly sites?: readonly string[] }
  /** Not enough stock, and nothing was reserved. */
  | { readonly kind: 'short'; readonly reason: string }
  /** The acquirer says no. */
  | { readonly kind: 'declined'; readonly reason: string }
  /** The callee cannot do it, now or later. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A void came after the capture. */
  | { readonly kind: 'captured' }
  /** Nobody knows whether it was done: it is asked again with the same id. */
  | { readonly kind: 'unknown'; readonly reason: string };

export type Verdict =
  | { readonly kind: 'fact'; readonly fact: Fact; readonly reason: string | null }
  | { readonly kind: 'again'; readonly reason: string };

/**
 * Whether the next step may be taken before this fact is stored: whoever takes the order up from
 * what is stored takes each step again by the same ids, and undoing undoes all of them.
 */
export function mayWait(fact: Fact): boolean {
  return fact === 'reserved' || fact === 'authorised';
}

export interface Answered {
  readonly call: PeerCallName;
  readonly answer: Answer;
}

/** Whether the next call of a work that goes in turn may follow this answer. */
export function mayGoOn({ call, answer }: Answered): boolean {
  return answer.kind !== 'unknown' && MEANING[call][answer.kind] === 'next';
}

/**
 * What the answers to a work mean for its order. `repeated`: the order was taken up before, and a
 * call of then may still be on its way.
 */
export function judge(
  order: Order,
  answered: readonly Answered[],
  { repeated }: { readonly repeated: boolean },
): Verdict {
  let undone: Verdict | undefined;
  for (const { call, answer } of answered) {
    if (answer.kind === 'unknown') return { kind: 'again', reason: answer.reason };
    const meaning = MEANING[call][answer.kind];
    const reason = 'reason' in answer ? answer.reason : null;
    if (meaning === 'undone') undone = { kind: 'fact', fact: endOf(order), reason: order.reason };
    else if (meaning !== 'next') {
      const fact = meaning === 'short' && repeated ? 'short-again' : meaning;
      return { kind: 'fact', fact, reason };
    }
  }
  assert(undone, 'the last call of a work says what became of the order');
  return undone;
}

function endOf({ ending }: Order): Fact {
  return ending === 'declined' ? 'undone-declined' : 'undone-cancelled';
}

type Meaning = Fact | 'next' | 'undone';

/** Call × answer. A peer that answers what makes no sense has refused. */
const MEANING: Readonly<Record<PeerCallName, Readonly<Record<CertainKind, Meaning>>>> = {
  reserve: means('reserved', { short: 'short' }),
  authorise: means('authorised', { declined: 'payment-declined' }),
  confirm: means('confirmed'),
  pick: means('next'),
  capture: means('captured', { captured: 'captured' }),
  // It is gone, was never there or was picked: nothing is left to give back.
  release: means('undone', { refused: 'undone', declined: 'undone', short: 'undone' }),
  void: means('undone', {
    refused: 'undone',
    declined: 'undone',
    short: 'undone',
    captured: 'captured-already',
  }),
  refund: means('refunded', {
    refused: 'refund-refused',
    declined: 'refund-refused',
    short: 'refund-refused',
    captured: 'refund-refused',
  }),
};

type CertainKind = Exclude<Answer['kind'], 'unknown'>;

function means(
  done: Meaning,
  others: Partial<Record<CertainKind, Meaning>> = {},
): Record<CertainKind, Meaning> {
  const refused: Meaning = done === 'undone' ? 'undone' : 'refused';
  const all = { done, short: refused, declined: refused, refused, captured: refused } as const;
  return { ...all, ...others };
}

function forward(
  order: Order,
  call: PeerCallName,
  { now, limits }: { readonly now: bigint; readonly limits: SagaLimits },
): Work {
  if (now >= order.placedAt + limits.confirmMicros) return gaveUp(call);
  return { kind: 'ask', calls: [call], how: 'in-turn' };
}

function gaveUp(step: string): Work {
  return { kind: 'fact', fact: 'gave-up', reason: `no certain answer in time: ${step}` };
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** The pause before the next attempt; `fraction` (0 to 1) spreads those that failed together. */
export function retryDelayMs(attempts: number, fraction: number): number {
  const longest = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(attempts, 20));
  return Math.ceil(longest * (0.5 + fraction / 2));
}
