import { join } from 'node:path';
import { ReservationState } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { PaymentState } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { TOPICS } from '@holdfast/shared/contracts/topics.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { expect } from 'vitest';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { OrderPlace } from './order.fixture.ts';
import type { MemoryPeers } from './peers.fixture.ts';
import type { OrderTables } from './store/tables.ts';

const HELD_MONEY: readonly number[] = [
  PaymentState.PAYMENT_STATE_AUTHORISED,
  PaymentState.PAYMENT_STATE_CAPTURED,
];

/** An order that is confirmed holds stock and money; one that ended unpaid holds neither. */
export async function expectBooksBalance(sql: Sql<OrderTables>, peers: MemoryPeers): Promise<void> {
  const rows = await sql.read((db) => db.selectFrom('orders').selectAll().execute());
  for (const { state, payment_key: key, reservation_id: id } of rows) {
    const isConfirmed = state === 'confirmed';
    const paid = peers.payments.get(key)?.state ?? PaymentState.PAYMENT_STATE_UNSPECIFIED;
    expect(HELD_MONEY.includes(paid), `${state} with a payment in state ${paid}`).toBe(isConfirmed);
    const stock = peers.reservations.get(id)?.state;
    expect(stock === ReservationState.RESERVATION_STATE_CONFIRMED, state).toBe(isConfirmed);
  }
  const confirmed = rows.filter(({ state }) => state === 'confirmed');
  expect(peers.taken('peas')).toBe(BigInt(confirmed.length));
}

/**
 * What is wrong with the events in the log: one that is missing, out of order the first time, or
 * told again under another sequence, as by a process that goes on with what another has ended.
 */
export async function eventsOfOrders({ dir }: OrderPlace): Promise<string[]> {
  const log = await openEmbeddedLog({ dir: join(dir, 'log'), runtime: testRuntime() });
  const typesOf = new Map<string, Map<number, string>>();
  for (let partition = 0; partition < TOPICS.orders.partitionCount; partition++) {
    for (const { headers } of await log.read('orders', partition, 0n, 10_000)) {
      const { ce_subject: subject = '', ce_sequence: sequence, ce_type: type = '' } = headers;
      const types = typesOf.get(subject) ?? new Map<number, string>();
      typesOf.set(subject, types.set(Number(sequence), type));
    }
  }
  await log.close();
  return [...typesOf].flatMap(([subject, types]) => {
    const inOrder = [...types.keys()].every((sequence, index) => sequence === index + 1);
    const once = new Set(types.values()).size === types.size;
    return inOrder && once ? [] : [`${subject}: ${JSON.stringify([...types])}`];
  });
}
