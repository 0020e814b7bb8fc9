import type { InboxTables } from '../../platform/outbox/inbox.ts';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';

export interface AuditTables extends InboxTables, OutboxTables {
  audit_entries: AuditRow;
  /** Where each chain ends. */
  audit_chains: { service: string; partition: bigint; length: bigint; hash: string };
  audit_heads: {
    head_index: bigint;
    at: bigint;
    chains: string;
    previous_hash: string;
    hash: string;
  };
}

export interface AuditRow {
  service: string;
  partition: bigint;
  chain_index: bigint;
  previous_hash: string;
  hash: string;
  event_id: string;
  tenant: string;
  subject: string;
  sequence: bigint;
  time: string;
  traceparent: string;
  entry: string;
  /** Repeats of what the entry says, to find it by. */
  resource_kind: string;
  resource_id: string;
  actor: string;
  action: string;
  outcome: string;
  unreadable: Uint8Array | null;
}
