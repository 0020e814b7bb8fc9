import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import type { EventLog, LogBatch, LogSubscription } from '../../platform/event-log/event-log.ts';
import { createBatchInbox, type Inbox, type InboxEvent } from '../../platform/outbox/inbox.ts';
import { readEntry } from '../domain/entry.ts';
import { appendEntries, type NewEntry } from '../store/append.ts';
import type { AuditTables } from '../store/tables.ts';

export const GROUP = 'audit';
const EVENTS_MAX = 256;

export interface EntryConsumerDeps {
  readonly sql: Sql<AuditTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
}

/**
 * Chains what services recorded. Two services may speak of one thing, and each counts its own
 * sequence (CloudEvents: an event is known by source and id), so each source has an inbox.
 */
export function consumeEntries(deps: EntryConsumerDeps): Promise<LogSubscription> {
  const { log, runtime } = deps;
  const chained = runtime.metrics.counter(
    'holdfast_audit_entries_total',
    'Audit rows that were chained; one whose transaction ran twice counts twice.',
    ['service', 'readable'],
  );
  const count = (service: string, { unreadable }: NewEntry): void =>
    chained.add(1, { service, readable: String(unreadable === null) });
  const inboxes = new Map<string, Inbox>();
  const inboxOf = (source: string): Inbox => {
    const inbox = inboxes.get(source) ?? openInbox(deps, { source, count });
    inboxes.set(source, inbox);
    return inbox;
  };
  const handle = async (batch: LogBatch): Promise<void> => {
    const bySource = Map.groupBy(batch.events, ({ headers }) => headers['ce_source'] ?? '');
    for (const [source, events] of bySource) await inboxOf(source).handle({ ...batch, events });
  };
  return log.subscribe({
    group: GROUP,
    topics: ['audit.entries'],
    batchMax: EVENTS_MAX,
    handle: (batch) =>
      runtime.tracing.span('audit.append', { kind: 'consumer' }, () => handle(batch)),
    onError: (err, { partition }) => {
      runtime.log.warn({ err, partition }, 'audit entries were not chained; they come again');
    },
  });
}

function openInbox(
  { sql, log, runtime }: EntryConsumerDeps,
  of: { readonly source: string; readonly count: (service: string, entry: NewEntry) => void },
): Inbox {
  const { source, count } = of;
  return createBatchInbox<AuditTables>({
    sql,
    log,
    runtime,
    consumer: `${GROUP}:${source}`,
    // The log keeps a month: who starts later begins with what there is.
    begin: 'kept',
    async applyAll(tx: Transaction<AuditTables>, events) {
      const byPartition = Map.groupBy(events, ({ event }) => BigInt(event.partition));
      for (const [partition, some] of byPartition) {
        const entries = some.map(newEntry);
        await appendEntries(tx, { service: source, partition }, entries);
        for (const entry of entries) count(source, entry);
      }
    },
  });
}

function newEntry({ envelope, event }: InboxEvent): NewEntry {
  const { id, type, tenant, subject, sequence, time, traceparent = '' } = envelope;
  return {
    ...readEntry({ id, type, value: event.value }),
    eventId: id,
    tenant,
    subject,
    sequence: BigInt(sequence),
    time,
    traceparent,
  };
}
