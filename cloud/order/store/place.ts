import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Insertable, Transaction } from 'kysely';
import { placedEvent } from '../domain/change.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { FIRST_EPOCH } from './leases.ts';
import { type OrderRow, rowOf } from './order-rows.ts';
import type { OrderTables } from './tables.ts';
import { type Telling, tell } from './write-change.ts';

/** Personal data: kept apart, named by nothing else. */
export interface Address {
  readonly name: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

export interface Placing extends Telling {
  readonly order: Order;
  readonly address: Address;
  readonly decision: HistoryEntry;
  /** Who works on it from the commit on. */
  readonly holder: string;
  readonly dueAt: bigint;
}

const insertOrder = statement<OrderTables, OrderRow>()((db, row) =>
  db.insertInto('orders').values(row),
);

const insertAddress = statement<OrderTables, Insertable<OrderTables['order_addresses']>>()(
  (db, row) => db.insertInto('order_addresses').values(row),
);

/** The order, claimed by the process that took it; in the transaction of its Idempotency-Key. */
export async function placeOrder(tx: Transaction<OrderTables>, placing: Placing): Promise<void> {
  const { order, address, decision, holder, dueAt } = placing;
  const inserted = insertOrder.run(tx, {
    ...rowOf(order),
    holder,
    epoch: FIRST_EPOCH,
    attempts: 0n,
    due_at: dueAt,
  });
  const { name, street, city, postalCode: postal_code, country } = address;
  const { id: order_id, tenant, customer } = order;
  const about = { order_id, tenant, customer };
  const events = [placedEvent(order)];
  await Promise.all([
    inserted,
    insertAddress.run(tx, { ...about, name, street, city, postal_code, country }),
    tell(tx, { order, parts: [{ first: [decision], events, audits: [] }] }, placing),
  ]);
}
