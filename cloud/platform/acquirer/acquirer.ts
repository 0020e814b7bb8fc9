/**
 * Whoever holds, takes and pays back money for us, as `proto/payment.wsdl` says.
 *
 * - The acquirer does each (reference, operation id) once; sent again it answers as the first time.
 * - `send` never throws for what happens on the way: `done` and `declined` are the acquirer's word;
 *   `retryable` says that nothing was done (its fault, or the request never left); `unknown` says
 *   nothing: it may have been done. An answer that is late, cut, malformed, to another request, or
 *   an error without a typed fault is `unknown`.
 * - `send` sends at most once. Who sends again decides so after `ask`.
 * - `ask` changes nothing. `absent` says that the operation had not arrived when it was asked; it
 *   may still come, unless its reference is voided first.
 * - A Void of a reference that the acquirer does not know MUST be remembered: what comes later
 *   under it is declined.
 * - Every call ends within the deadline of the adapter.
 * - An answer has at most SOAP_BYTES_MAX bytes and no document type declaration.
 */
export interface Acquirer {
  send(order: AcquirerOrder): Promise<AcquirerOutcome>;
  ask(question: OperationRef): Promise<AcquirerFinding>;
  /** What was done on a day (`2026-01-31`, UTC), a page at a time. */
  listDay(day: string, after: string | undefined): Promise<AcquirerDayPage>;
  close(): Promise<void>;
}

export const OPERATION_KINDS = ['authorise', 'capture', 'void', 'refund'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export interface OperationRef {
  /** Our payment key. */
  readonly reference: string;
  readonly operationId: string;
}

export interface AcquirerOrder extends OperationRef {
  readonly kind: OperationKind;
  readonly orderId: string;
  readonly currency: string;
  readonly minorUnits: bigint;
  readonly token: string;
}

export type AcquirerOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'declined'; readonly code: string }
  | { readonly kind: 'retryable'; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string };

export type AcquirerFinding =
  | { readonly kind: 'done' }
  | { readonly kind: 'declined'; readonly code: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly detail: string };

export interface AcquirerOperation extends OperationRef {
  readonly kind: OperationKind;
  readonly currency: string;
  readonly minorUnits: bigint;
}

export type AcquirerDayPage =
  | {
      readonly kind: 'page';
      readonly operations: readonly AcquirerOperation[];
      readonly next: string | undefined;
    }
  | { readonly kind: 'unknown'; readonly detail: string };
