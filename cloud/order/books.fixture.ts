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

/** What is wrong with the sequences in the log: missing, or out of order the first time. */
export async function eventsOfOrders({ dir }: OrderPlace): Promise<string[]> {
  const log = await openEmbeddedLog({ dir: join(dir, 'log'), runtime: testRuntime() });
  const sequences = new Map<string, number[]>();
  for (let partition = 0; partition < TOPICS.orders.partitionCount; partition++) {
    for (const { headers } of await log.read('orders', partition, 0n, 10_000)) {
      const subject = headers['ce_subject'] ?? '';
      sequences.set(subject, [...(sequences.get(subject) ?? []), Number(headers['ce_sequence'])]);
    }
  }
  await log.close();
  return [...sequences].flatMap(([subject, found]) => {
    const firsts = [...new Set(found)];
    return firsts.every((sequence, index) => sequence === index + 1)
      ? []
      : [`${subject}: ${found.join(' ')}`];
  });
}
