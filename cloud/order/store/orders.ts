import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { HistoryEntry, HistoryRow } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { TERMINAL_STATES } from '../domain/order-states.ts';
import { orderOf, sitePattern } from './order-rows.ts';
import type { Address } from './place.ts';
import type { OrderTables } from './tables.ts';

export function findOrder(sql: Sql<OrderTables>, id: string): Promise<Order | undefined> {
  return sql.read(async (db) => {
    const row = await db.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst();
    return row && orderOf(row);
  });
}

export interface FoundOrder {
  readonly order: Order;
  /** Undefined once it was erased. */
  readonly address: Address | undefined;
}

export function findOrderWithAddress(
  sql: Sql<OrderTables>,
  id: string,
): Promise<FoundOrder | undefined> {
  return sql.read(async (db) => {
    const row = await db.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst();
    return row && { order: orderOf(row), address: await addressOf(db, id) };
  });
}

/** Whose orders: a customer's own, or those of the sites that somebody works at. */
export type OrderScope = { readonly tenant: string } & (
  | { readonly kind: 'customer'; readonly customer: string }
  | { readonly kind: 'sites'; readonly sites: 'all' | readonly string[] }
);

export interface OrderPage {
  readonly state?: OrderState | undefined;
  /** The last id of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The newest first: ids sort by time. */
export function listOrders(
  sql: Sql<OrderTables>,
  scope: OrderScope,
  page: OrderPage,
): Promise<readonly Order[]> {
  return sql.read(async (db) => {
    const rows = await ordersQuery(db, scope, page).execute();
    return rows.map(orderOf);
  });
}

/** Read in the order of an index, so that a page costs what it shows and not what there is. */
export function ordersQuery(
  db: Reader<OrderTables>,
  scope: OrderScope,
  { state, after, limit }: OrderPage,
) {
  let query = db.selectFrom('orders').selectAll().where('tenant', '=', scope.tenant);
  if (scope.kind === 'customer') query = query.where('customer', '=', scope.customer);
  else if (scope.sites !== 'all') {
    const patterns = scope.sites.map(sitePattern);
    query = query.where((eb) => eb.or(patterns.map((pattern) => eb('sites', 'like', pattern))));
  }
  if (state) query = query.where('state', '=', state);
  if (after) query = query.where('id', '<', after);
  return query.orderBy('id', 'desc').limit(limit);
}

/** In causal order. */
export function historyOf(sql: Sql<OrderTables>, id: string): Promise<readonly HistoryRow[]> {
  return sql.read(async (db) => {
    const rows = await db
      .selectFrom('order_history')
      .select(['at', 'entries'])
      .where('order_id', '=', id)
      .orderBy('id')
      .execute();
    return rows.map(({ at, entries }) => ({ at, entries: JSON.parse(entries) as HistoryEntry[] }));
  });
}

export interface Erased {
  /** Addresses that are gone. */
  readonly erased: number;
  /** Of orders that have not ended: where would they go without one? */
  readonly kept: number;
  /** Whether there is an order of this customer at all. */
  readonly isKnown: boolean;
}

/** A person's data goes, their orders stay. */
export async function erasePerson(
  tx: Transaction<OrderTables>,
  { tenant, customer }: { readonly tenant: string; readonly customer: string },
): Promise<Erased> {
  const own = tx
    .selectFrom('orders')
    .select('id')
    .where('tenant', '=', tenant)
    .where('customer', '=', customer);
  const any = await own.limit(1).executeTakeFirst();
  const { numDeletedRows } = await tx
    .deleteFrom('order_addresses')
    .where('tenant', '=', tenant)
    .where('customer', '=', customer)
    .where('order_id', 'in', own.where('state', 'in', [...TERMINAL_STATES]))
    .executeTakeFirst();
  const { kept } = await tx
    .selectFrom('order_addresses')
    .select(({ fn }) => fn.countAll<bigint>().as('kept'))
    .where('tenant', '=', tenant)
    .where('customer', '=', customer)
    .executeTakeFirstOrThrow();
  return { erased: Number(numDeletedRows), kept: Number(kept), isKnown: any !== undefined };
}

async function addressOf(db: Reader<OrderTables>, id: string): Promise<Address | undefined> {
  const row = await db
    .selectFrom('order_addresses')
    .selectAll()
    .where('order_id', '=', id)
    .executeTakeFirst();
  if (!row) return undefined;
  const { name, street, city, postal_code: postalCode, country } = row;
  return { name, street, city, postalCode, country };
}
