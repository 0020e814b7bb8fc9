import type { Transaction } from 'kysely';
import { placedEvent } from '../domain/change.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { rowOf } from './order-rows.ts';
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

/** The order, claimed by the process that took it; in the transaction of its Idempotency-Key. */
export async function placeOrder(tx: Transaction<OrderTables>, placing: Placing): Promise<void> {
  const { order, address, decision, holder, dueAt } = placing;
  await tx
    .insertInto('orders')
    .values({ ...rowOf(order), holder, epoch: 1n, attempts: 0n, due_at: dueAt })
    .execute();
  const { postalCode, ...rest } = address;
  await tx
    .insertInto('order_addresses')
    .values({
      order_id: order.id,
      tenant: order.tenant,
      customer: order.customer,
      postal_code: postalCode,
      ...rest,
    })
    .execute();
  const events = [placedEvent(order)];
  await tell(tx, { order, first: [decision], events, audits: [] }, placing);
}
