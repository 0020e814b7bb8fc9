import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { Transaction } from 'kysely';
import type { Outbox, OutboxEvent, OutboxTables } from './outbox.ts';

/**
 * Writes an audit row in the transaction of what it tells, through the service's outbox: it is
 * there when the change is, and `audit` chains it. A denial is written in a transaction of its own,
 * before it is answered.
 */
export async function recordAudit<DB extends OutboxTables>(
  tx: Transaction<DB>,
  { outbox, tenant, entry }: { outbox: Outbox; tenant: string; entry: AuditEntry },
): Promise<void> {
  await outbox.enqueue(tx, auditEvent(tenant, entry));
}

/** The same row, for who enqueues several events at once. */
export function auditEvent(tenant: string, entry: AuditEntry): OutboxEvent<'audit.recorded.v1'> {
  const { kind, id } = entry.resource;
  const subject = `audit/${tenant}/${kind}/${id}`;
  return { type: 'audit.recorded.v1', subject, tenant, actor: entry.actor, data: entry };
}
