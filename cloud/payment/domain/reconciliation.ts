/** An operation as either side knows it. */
export interface KnownOperation {
  readonly reference: string;
  readonly operationId: string;
  readonly kind: string;
  readonly currency: string;
  readonly minorUnits: bigint;
  /** In our books only what is done counts. */
  readonly state?: 'pending' | 'done' | 'declined';
}

export interface Difference {
  readonly paymentKey: string;
  readonly operationId: string;
  readonly kind: 'missing_in_books' | 'missing_at_acquirer' | 'amount_differs';
  readonly bookedMinorUnits: bigint;
  readonly acquirerMinorUnits: bigint;
  readonly currency: string;
}

export function operationName({ reference, operationId }: KnownOperation): string {
  return `${reference}/${operationId}`;
}

/** Undefined when both sides say the same. */
export function differenceOf(
  ours: KnownOperation | undefined,
  theirs: KnownOperation | undefined,
): Difference | undefined {
  const known = theirs ?? ours;
  if (!known) return undefined;
  const booked = ours && (ours.state ?? 'done') === 'done' ? ours : undefined;
  const isSame = booked?.minorUnits === theirs?.minorUnits && booked?.currency === theirs?.currency;
  if (isSame) return undefined;
  return {
    paymentKey: known.reference,
    operationId: known.operationId,
    kind: !booked ? 'missing_in_books' : theirs ? 'amount_differs' : 'missing_at_acquirer',
    bookedMinorUnits: booked?.minorUnits ?? 0n,
    acquirerMinorUnits: theirs?.minorUnits ?? 0n,
    currency: known.currency,
  };
}
