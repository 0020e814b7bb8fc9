import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { EventType } from '@holdfast/shared/contracts/events.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Insertable, Transaction } from 'kysely';
import type { Outbox, OutboxEvent } from '../../platform/outbox/outbox.ts';
import { auditEvent } from '../../platform/outbox/record-audit.ts';
import type { Change, OrderEvent } from '../domain/change.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import type { OrderTables } from './tables.ts';

export type OrderAudit = Omit<AuditEntry, 'actor'>;

export interface Telling {
  readonly outbox: Outbox;
  readonly now: bigint;
  /** Who did it: a person, or the service itself. */
  readonly actor: string;
}

/** Everything that a change is told by, in the transaction of the change. */
export function writeChange(
  tx: Transaction<OrderTables>,
  { fact, before, after, events, audit }: Change,
  {
    first,
    asked,
    ...telling
  }: Telling & {
    readonly first: readonly HistoryEntry[];
    /** The audit row of who asked for it. */
    readonly asked?: OrderAudit;
  },
): Promise<void> {
  const { state: from } = before;
  const { state: to, reason } = after;
  const moved: HistoryEntry = { kind: 'transition', fact, from, to, reason };
  const audits = [asked, audit].filter((each) => each !== undefined);
  return tell(tx, { order: after, first: [...first, moved], events, audits }, telling);
}

/** Events and audit rows through the outbox, and the same in the order's own history. */
export async function tell(
  tx: Transaction<OrderTables>,
  told: {
    readonly order: Order;
    readonly first: readonly HistoryEntry[];
    readonly events: readonly OrderEvent[];
    readonly audits: readonly OrderAudit[];
  },
  { outbox, actor, now }: Telling,
): Promise<void> {
  const { order, first, events, audits } = told;
  const { id: subject, tenant } = order;
  const about = { subject, tenant, actor, correlationId: subject };
  const sequences = await outbox.enqueueAll(tx, [
    ...events.map(({ type, data }) => ({ ...about, type, data }) as OutboxEvent<EventType>),
    ...audits.map((audit) => auditEvent(tenant, { ...audit, actor }) as OutboxEvent<EventType>),
  ]);
  const entries: HistoryEntry[] = [
    ...first,
    ...events.map(({ type }, index): HistoryEntry => {
      return { kind: 'event', type, sequence: Number(sequences[index]) };
    }),
    ...audits.map(({ action, outcome }): HistoryEntry => {
      return { kind: 'audit', action, outcome, actor };
    }),
  ];
  await writeHistory(tx, { order, entries, now });
}

export async function writeHistory(
  tx: Transaction<OrderTables>,
  row: { readonly order: Order; readonly entries: readonly HistoryEntry[]; readonly now: bigint },
): Promise<void> {
  const { order, entries, now: at } = row;
  await insertHistory.run(tx, { order_id: order.id, at, entries: JSON.stringify(entries) });
}

const insertHistory = statement<OrderTables, Insertable<OrderTables['order_history']>>()(
  (db, row) => db.insertInto('order_history').values(row),
);
