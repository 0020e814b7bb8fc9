/** What we know of a payment. The `…ing` ones wait for the acquirer's word. */
export const PAYMENT_STATES = [
  'authorising',
  'authorised',
  'declined',
  'capturing',
  'captured',
  'voiding',
  'voided',
] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

export type OperationKind = 'authorise' | 'capture' | 'void' | 'refund';

/**
 * - `start`: the operation begins, its intent is stored, the acquirer is called.
 * - `answer`: it was done, or is under way: the payment as it is.
 * - `supersede`: the authorisation under way counts no more; a Void goes out under its reference.
 * - `remember`: the key is unknown; it is kept as voided, so that nothing is charged under it.
 * - `unresolved`: what is under way decides; ask again later.
 * - `refuse`: the state does not allow it. `missing`: there is no such payment.
 */
export type Ruling =
  | 'start'
  | 'answer'
  | 'supersede'
  | 'remember'
  | 'unresolved'
  | 'refuse'
  | 'missing';

const RULINGS: Readonly<Record<PaymentState | 'none', Readonly<Record<OperationKind, Ruling>>>> = {
  none: { authorise: 'start', capture: 'missing', void: 'remember', refund: 'missing' },
  authorising: {
    authorise: 'answer',
    capture: 'unresolved',
    void: 'supersede',
    refund: 'unresolved',
  },
  authorised: { authorise: 'answer', capture: 'start', void: 'start', refund: 'refuse' },
  declined: { authorise: 'answer', capture: 'refuse', void: 'answer', refund: 'refuse' },
  capturing: { authorise: 'answer', capture: 'answer', void: 'unresolved', refund: 'unresolved' },
  captured: { authorise: 'answer', capture: 'answer', void: 'refuse', refund: 'start' },
  voiding: { authorise: 'answer', capture: 'refuse', void: 'answer', refund: 'refuse' },
  voided: { authorise: 'answer', capture: 'refuse', void: 'answer', refund: 'refuse' },
};

export function rulingOn(state: PaymentState | undefined, kind: OperationKind): Ruling {
  return RULINGS[state ?? 'none'][kind];
}

/** The state while the operation is under way. A refund leaves the payment captured. */
export const STATE_DURING: Readonly<Record<OperationKind, PaymentState>> = {
  authorise: 'authorising',
  capture: 'capturing',
  void: 'voiding',
  refund: 'captured',
};
