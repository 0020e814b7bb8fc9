import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { EventData, EventType } from '@holdfast/shared/contracts/events.ts';
import { type Order, totalOf } from './order.ts';
import { type Fact, isTransition, transition } from './order-states.ts';

/** What comes with a fact. */
export interface FactDetail {
  readonly now: bigint;
  readonly reason: string | null;
  readonly sites?: readonly string[];
  readonly shipmentId?: string;
  readonly refundId?: string;
}

export type OrderEventType = Extract<EventType, `order.${string}`>;
export type OrderEvent = {
  [T in OrderEventType]: { readonly type: T; readonly data: EventData<T> };
}[OrderEventType];

export interface Change {
  readonly fact: Fact;
  readonly before: Order;
  readonly after: Order;
  /** In their order; written in the transaction of the change. */
  readonly events: readonly OrderEvent[];
  /** Of a change that moves money or stock by itself; what a person asks for is audited there. */
  readonly audit: Omit<AuditEntry, 'actor'> | undefined;
}

export type ChangeOutcome =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'refusal'; readonly reason: string };

/** The order after the fact, and what the world is told; or why the fact cannot be. */
export function changeOf(order: Order, fact: Fact, detail: FactDetail): ChangeOutcome {
  const cell = transition(order.state, fact);
  if (!isTransition(cell)) return { kind: 'refusal', reason: cell };
  const after: Order = {
    ...order,
    state: cell.to,
    version: order.version + 1n,
    stateSince: detail.now,
    undo: cell.undo ?? [],
    ending: cell.ending ?? order.ending,
    reason: detail.reason ?? order.reason,
    sites: detail.sites ?? order.sites,
    shipmentId: detail.shipmentId ?? order.shipmentId,
    refundId: detail.refundId ?? order.refundId,
  };
  const events = eventsOf(after);
  return {
    kind: 'change',
    change: { fact, before: order, after, events, audit: auditOf(fact, after) },
  };
}

export function placedEvent(order: Order): OrderEvent {
  const lines = order.lines.map(({ productId, item, quantity }) => ({ productId, item, quantity }));
  return { type: 'order.placed.v1', data: { ...common(order), lines } };
}

function eventsOf(order: Order): readonly OrderEvent[] {
  const data = common(order);
  const reason = order.reason ?? 'not known';
  switch (order.state) {
    case 'reserved':
      return [{ type: 'order.reserved.v1', data: { ...data, reservationId: order.reservationId } }];
    case 'authorised':
      return [{ type: 'order.authorised.v1', data: { ...data, paymentKey: order.paymentKey } }];
    case 'confirmed':
      return [{ type: 'order.confirmed.v1', data }];
    case 'declined':
      return [{ type: 'order.declined.v1', data: { ...data, reason } }];
    case 'cancelled':
      return [{ type: 'order.cancelled.v1', data: { ...data, reason } }];
    case 'fulfilled':
      return [
        { type: 'order.shipped.v1', data: { ...data, shipmentId: order.shipmentId ?? '' } },
        { type: 'order.fulfilled.v1', data },
      ];
    case 'refunded':
      return [{ type: 'order.refunded.v1', data: { ...data, refundId: order.refundId ?? '' } }];
    default:
      return [];
  }
}

function common(order: Order) {
  const { id, customer, state, sites } = order;
  const total = totalOf(order);
  return { orderId: id, customer, state, total, ...(sites.length > 0 && { sites: [...sites] }) };
}

/** The facts that move money or stock, by the name of their audit row. */
const AUDITED: Partial<Record<Fact, { action: string; outcome: AuditEntry['outcome'] }>> = {
  confirmed: { action: 'order.confirm', outcome: 'done' },
  captured: { action: 'order.fulfil', outcome: 'done' },
  'undone-declined': { action: 'order.undo', outcome: 'done' },
  'undone-cancelled': { action: 'order.undo', outcome: 'done' },
  refunded: { action: 'order.refund', outcome: 'done' },
  'refund-refused': { action: 'order.refund', outcome: 'denied' },
};

function auditOf(fact: Fact, order: Order): Change['audit'] {
  const audited = AUDITED[fact];
  if (!audited) return undefined;
  return {
    ...audited,
    resource: { kind: 'order', id: order.id },
    ...(order.reason ? { reasons: [order.reason] } : {}),
    detail: { state: order.state, currency: order.currency, minorUnits: order.total },
  };
}
