import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Insertable, Selectable } from 'kysely';
import type { Ending, Order, OrderLine } from '../domain/order.ts';
import type { UndoCall } from '../domain/steps.ts';
import type { OrderTables } from './tables.ts';

export type OrderRow = Selectable<OrderTables['orders']>;

/** What a change of state may change, beside the lease. */
export function changingColumns(order: Order) {
  return {
    state: order.state,
    version: order.version,
    sites: sitesText(order.sites),
    shipment_id: order.shipmentId,
    refund_id: order.refundId,
    undo: order.undo.join(','),
    ending: order.ending,
    reason: order.reason,
    state_since: order.stateSince,
  } satisfies Partial<Insertable<OrderTables['orders']>>;
}

export function rowOf(order: Order) {
  return {
    id: order.id,
    tenant: order.tenant,
    customer: order.customer,
    currency: order.currency,
    net_minor: BigInt(order.net),
    tax_minor: BigInt(order.tax),
    total_minor: BigInt(order.total),
    country: order.country,
    lines: JSON.stringify(order.lines),
    reservation_id: order.reservationId,
    payment_key: order.paymentKey,
    method_token: order.methodToken,
    placed_at: order.placedAt,
    traceparent: order.traceparent,
    ...changingColumns(order),
  } satisfies Partial<Insertable<OrderTables['orders']>>;
}

export function orderOf(row: OrderRow): Order {
  return {
    id: row.id,
    tenant: row.tenant,
    customer: row.customer,
    state: row.state as OrderState,
    version: row.version,
    currency: row.currency,
    net: Number(row.net_minor),
    tax: Number(row.tax_minor),
    total: Number(row.total_minor),
    country: row.country,
    lines: JSON.parse(row.lines) as OrderLine[],
    sites: row.sites.split('|').filter((site) => site !== ''),
    reservationId: row.reservation_id,
    paymentKey: row.payment_key,
    methodToken: row.method_token,
    shipmentId: row.shipment_id,
    refundId: row.refund_id,
    undo: row.undo.split(',').filter((call) => call !== '') as UndoCall[],
    ending: row.ending as Ending | null,
    reason: row.reason,
    placedAt: row.placed_at,
    stateSince: row.state_since,
    traceparent: row.traceparent,
  };
}

function sitesText(sites: readonly string[]): string {
  return sites.length === 0 ? '' : `|${sites.join('|')}|`;
}

/** For `like`: a site's name has none of its wildcards, see scopeNameSchema. */
export function sitePattern(site: string): string {
  return `%|${site}|%`;
}
