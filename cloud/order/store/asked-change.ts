import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Transaction } from 'kysely';
import { changeOf, type FactDetail } from '../domain/change.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import type { Fact } from '../domain/order-states.ts';
import type { HeldOrder } from './leases.ts';
import { changingColumns, orderOf } from './order-rows.ts';
import type { OrderTables } from './tables.ts';
import { type OrderAudit, type Telling, writeChanges } from './write-change.ts';

/** What a person or a service asks for: cancel, ship, refund. */
export interface AskedChange extends Telling {
  readonly fact: Fact;
  readonly detail: FactDetail;
  readonly decision: HistoryEntry;
  readonly audit: (order: Order) => OrderAudit;
  /** Who goes on with it from the commit on. */
  readonly holder: string;
  readonly leaseUntil: bigint;
}

/**
 * Changes the order and takes it over: the epoch grows, so a step that is under way elsewhere finds
 * itself fenced and its effect undone. Throws STATE_CONFLICT with the reason when the order's state
 * does not allow it.
 */
export async function askChange(
  tx: Transaction<OrderTables>,
  id: string,
  asked: AskedChange,
): Promise<HeldOrder> {
  const row = await tx.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('NOT_FOUND', 'there is no such order');
  const outcome = changeOf(orderOf(row), asked.fact, asked.detail);
  if (outcome.kind === 'refusal') throw new AppError('STATE_CONFLICT', outcome.reason);
  const { after } = outcome.change;
  const { holder, leaseUntil } = asked;
  const epoch = row.epoch + 1n;
  await tx
    .updateTable('orders')
    .set({ ...changingColumns(after), holder, epoch, due_at: leaseUntil, attempts: 0n })
    .where('id', '=', id)
    .execute();
  const { change } = outcome;
  await writeChanges(tx, [{ change, first: [asked.decision], asked: asked.audit(after) }], asked);
  return { order: after, holder, epoch, attempts: 0 };
}
