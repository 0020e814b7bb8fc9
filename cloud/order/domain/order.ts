import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Money } from '@holdfast/shared/contracts/money.ts';
import type { UndoCall } from './steps.ts';

export interface OrderLine {
  readonly productId: string;
  /** The item's code in the warehouse's ledger. */
  readonly item: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitMinor: number;
  readonly taxClass: string;
  readonly taxBasisPoints: number;
  readonly net: number;
  readonly tax: number;
  readonly total: number;
}

/** What is undone ends in one of these. */
export type Ending = 'declined' | 'cancelled';

/** Everything that decides what happens next to an order; times are microseconds since 1970. */
export interface Order {
  readonly id: string;
  readonly tenant: string;
  readonly customer: string;
  readonly state: OrderState;
  /** Grows with each change. */
  readonly version: bigint;
  readonly currency: string;
  readonly net: number;
  readonly tax: number;
  readonly total: number;
  /** Where it goes, as tax and statistics need it; the address itself is kept apart. */
  readonly country: string;
  readonly lines: readonly OrderLine[];
  /** Where its stock lies; known once it is reserved. */
  readonly sites: readonly string[];
  /** Drawn when it was placed and never changed: a call may be repeated, its effect may not. */
  readonly reservationId: string;
  readonly paymentKey: string;
  /** The acquirer's token of the means of payment. */
  readonly methodToken: string;
  readonly shipmentId: string | null;
  readonly refundId: string | null;
  /** While `cancelling`: what has to be undone, and how the order ends then. */
  readonly undo: readonly UndoCall[];
  readonly ending: Ending | null;
  /** Why it ended, or is about to. */
  readonly reason: string | null;
  readonly placedAt: bigint;
  readonly stateSince: bigint;
  /** Of the request that placed it: everything that the order causes is in that trace. */
  readonly traceparent: string;
}

export function totalOf({ currency, total }: Pick<Order, 'currency' | 'total'>): Money {
  return { currency, minorUnits: total };
}
