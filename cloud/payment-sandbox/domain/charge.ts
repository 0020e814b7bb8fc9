/** One charge of a merchant, as an acquirer keeps it. */
export interface Charge {
  readonly reference: string;
  readonly orderId: string;
  readonly state: ChargeState;
  readonly currency: string;
  readonly authorised: bigint;
  readonly captured: bigint;
  readonly refunded: bigint;
}

export type ChargeState = 'held' | 'captured' | 'voided' | 'declined';
export type OperationKind = 'authorise' | 'capture' | 'void' | 'refund';

export interface ChargeRequest {
  readonly kind: OperationKind;
  readonly reference: string;
  readonly operationId: string;
  readonly orderId: string;
  readonly currency: string;
  readonly minorUnits: bigint;
}

export type ChargeResult =
  | { readonly outcome: 'done'; readonly charge: Charge }
  /** The charge is kept as declined when it is new; otherwise it stays as it was. */
  | { readonly outcome: 'declined'; readonly code: string; readonly charge: Charge };

type Rule = (request: ChargeRequest, charge: Charge) => ChargeResult;

/** State × operation; `none` is a reference that nobody used. */
const RULES: Readonly<Record<ChargeState | 'none', Readonly<Record<OperationKind, Rule>>>> = {
  none: { authorise: hold, capture: refuseNew, void: remember, refund: refuseNew },
  held: { authorise: refuse('duplicate_reference'), capture, void: release, refund: notCaptured },
  captured: {
    authorise: refuse('duplicate_reference'),
    capture: refuse('already_captured'),
    void: refuse('already_captured'),
    refund,
  },
  // What was voided, even before it came, is never charged.
  voided: {
    authorise: refuse('voided'),
    capture: refuse('voided'),
    void: keep,
    refund: refuse('voided'),
  },
  declined: {
    authorise: refuse('declined'),
    capture: refuse('declined'),
    void: keep,
    refund: refuse('declined'),
  },
};

export function operate(charge: Charge | undefined, request: ChargeRequest): ChargeResult {
  return RULES[charge?.state ?? 'none'][request.kind](request, charge ?? blank(request));
}

/** What an issuer does that says no. */
export function decline(charge: Charge | undefined, request: ChargeRequest): ChargeResult {
  const known = charge ?? { ...blank(request), state: 'declined' as const };
  return { outcome: 'declined', code: 'insufficient_funds', charge: known };
}

function blank({ reference, orderId, currency }: ChargeRequest): Charge {
  const amounts = { authorised: 0n, captured: 0n, refunded: 0n };
  return { reference, orderId, currency, state: 'held', ...amounts };
}

function hold({ minorUnits }: ChargeRequest, charge: Charge): ChargeResult {
  return { outcome: 'done', charge: { ...charge, state: 'held', authorised: minorUnits } };
}

function capture({ minorUnits, currency }: ChargeRequest, charge: Charge): ChargeResult {
  if (minorUnits > charge.authorised || currency !== charge.currency) {
    return { outcome: 'declined', code: 'amount_exceeds_hold', charge };
  }
  return { outcome: 'done', charge: { ...charge, state: 'captured', captured: minorUnits } };
}

function refund({ minorUnits, currency }: ChargeRequest, charge: Charge): ChargeResult {
  const refunded = charge.refunded + minorUnits;
  if (refunded > charge.captured || currency !== charge.currency) {
    return { outcome: 'declined', code: 'amount_exceeds_capture', charge };
  }
  return { outcome: 'done', charge: { ...charge, refunded } };
}

function release(_request: ChargeRequest, charge: Charge): ChargeResult {
  return { outcome: 'done', charge: { ...charge, state: 'voided' } };
}

function remember(_request: ChargeRequest, charge: Charge): ChargeResult {
  return { outcome: 'done', charge: { ...charge, state: 'voided' } };
}

function keep(_request: ChargeRequest, charge: Charge): ChargeResult {
  return { outcome: 'done', charge };
}

function notCaptured(_request: ChargeRequest, charge: Charge): ChargeResult {
  return { outcome: 'declined', code: 'not_captured', charge };
}

function refuseNew(_request: ChargeRequest, charge: Charge): ChargeResult {
  const declined = { ...charge, state: 'declined' as const };
  return { outcome: 'declined', code: 'unknown_reference', charge: declined };
}

function refuse(code: string): Rule {
  return (_request, charge) => ({ outcome: 'declined', code, charge });
}
