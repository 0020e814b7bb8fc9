import type { Generated } from 'kysely';
import type { IdempotencyTables } from '../../platform/http/idempotency.ts';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';

/** Times are integer microseconds since 1970; lists are JSON texts that nobody queries into. */
export interface OrderTables extends OutboxTables, IdempotencyTables {
  orders: {
    id: string;
    tenant: string;
    customer: string;
    state: string;
    version: bigint;
    currency: string;
    net_minor: bigint;
    tax_minor: bigint;
    total_minor: bigint;
    country: string;
    lines: string;
    /** `|site-1|site-2|`, so that one pattern finds a site. */
    sites: string;
    reservation_id: string;
    payment_key: string;
    method_token: string;
    shipment_id: string | null;
    refund_id: string | null;
    undo: string;
    ending: string | null;
    reason: string | null;
    placed_at: bigint;
    state_since: bigint;
    traceparent: string;
    /** The process that works on it, or '' for none. */
    holder: string;
    /** Grows with each change of hands: what an earlier holder writes changes nothing. */
    epoch: bigint;
    /** Uncertain answers since the last change. */
    attempts: bigint;
    /** When whoever comes first takes it up: the end of the lease, or the time of what is next. */
    due_at: bigint;
  };
  /** Everything personal, so that it can be erased without touching the order. */
  order_addresses: {
    order_id: string;
    tenant: string;
    customer: string;
    name: string;
    street: string;
    city: string;
    postal_code: string;
    country: string;
  };
  /** What made the order what it is, in causal order: one row per transaction. */
  order_history: { id: Generated<bigint>; order_id: string; at: bigint; entries: string };
}

/** No lease and nothing planned: nobody takes it up by itself. */
export const NEVER = 9_000_000_000_000_000_000n;
