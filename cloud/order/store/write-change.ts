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

/** What happened, and what came before it: decisions, calls and their answers. */
export interface Step {
  readonly change: Change;
  readonly first: readonly HistoryEntry[];
  /** The audit row of who asked for it. */
  readonly asked?: OrderAudit;
}

/** Everything that changes are told by, one after the other, in the transaction of the changes. */
export function writeChanges(
  tx: Transaction<OrderTables>,
  steps: readonly Step[],
  telling: Telling,
): Promise<void> {
  const order = steps.at(-1)!.change.after;
  return tell(tx, { order, parts: steps.map(partOf) }, telling);
}

function partOf({ change, first, asked }: Step): Part {
  const { fact, before, after, events, audit } = change;
  const { state: from } = before;
  const { state: to, reason } = after;
  const moved: HistoryEntry = { kind: 'transition', fact, from, to, reason };
  const audits = [asked, audit].filter((each) => each !== undefined);
  return { first: [...first, moved], events, audits };
}

/** Of a story: what came first, then the events and audit rows that tell it. */
export interface Part {
  readonly first: readonly HistoryEntry[];
  readonly events: readonly OrderEvent[];
  readonly audits: readonly OrderAudit[];
}

/** Events and audit rows through the outbox, and the same in the order's own history. */
export async function tell(
  tx: Transaction<OrderTables>,
  { order, parts }: { readonly order: Order; readonly parts: readonly Part[] },
  { outbox, actor, now }: Telling,
): Promise<void> {
  const { id: subject, tenant } = order;
  const about = { subject, tenant, actor, correlationId: subject };
  const told = parts.flatMap(({ events, audits }) => [
    ...events.map(({ type, data }) => ({ ...about, type, data }) as OutboxEvent<EventType>),
    ...audits.map((audit) => auditEvent(tenant, { ...audit, actor }) as OutboxEvent<EventType>),
  ]);
  const sequences = [...(await outbox.enqueueAll(tx, told))];
  const entries = parts.flatMap(({ first, events, audits }): HistoryEntry[] => {
    const own = sequences.splice(0, events.length + audits.length);
    return [
      ...first,
      ...events.map(({ type }, index): HistoryEntry => {
        return { kind: 'event', type, sequence: Number(own[index]) };
      }),
      ...audits.map(({ action, outcome }): HistoryEntry => {
        return { kind: 'audit', action, outcome, actor };
      }),
    ];
  });
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
