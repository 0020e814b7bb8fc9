import type { Posting } from './ledger.ts';
import type { OperationKind, PaymentState } from './payment.ts';

/** What the acquirer's word on an operation changes. */
export interface Settlement {
  readonly state: PaymentState;
  readonly posting?: Posting;
  readonly event?: 'authorised' | 'declined' | 'captured' | 'voided' | 'refunded';
}

export interface Settling {
  readonly kind: OperationKind;
  readonly word: 'done' | 'declined';
  readonly state: PaymentState;
  /** Whether the books hold the amount: an authorisation that was superseded never got there. */
  readonly isHeld: boolean;
}

type Rule = (settling: Settling) => Settlement;

const RULES: Readonly<Record<OperationKind, Readonly<Record<'done' | 'declined', Rule>>>> = {
  authorise: {
    done: () => ({ state: 'authorised', posting: 'hold', event: 'authorised' }),
    declined: () => ({ state: 'declined', event: 'declined' }),
  },
  capture: {
    done: () => ({ state: 'captured', posting: 'capture', event: 'captured' }),
    // The hold is gone at the acquirer, so it goes from the books.
    declined: () => ({ state: 'declined', posting: 'release', event: 'declined' }),
  },
  void: {
    done: ({ state, isHeld }) =>
      // What was given up as declined stays so; its Void only makes sure.
      state === 'voiding'
        ? { state: 'voided', event: 'voided', ...(isHeld && { posting: 'release' }) }
        : { state },
    declined: ({ state, isHeld }) =>
      state === 'voiding' ? { state: isHeld ? 'authorised' : 'declined' } : { state },
  },
  refund: {
    done: ({ state }) => ({ state, posting: 'refund', event: 'refunded' }),
    declined: ({ state }) => ({ state }),
  },
};

export function settle(settling: Settling): Settlement {
  return RULES[settling.kind][settling.word](settling);
}
