import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { ReservationState } from '@holdfast/shared/domain/stock-reservation.ts';
import type { Generated } from 'kysely';
import type { IdempotencyTables } from '../../platform/http/idempotency.ts';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';
import type { DiscrepancyReason } from '../domain/records.ts';

/** Times are microseconds since 1970. */
export interface InventoryTables extends OutboxTables, IdempotencyTables {
  levels: {
    tenant: string;
    site: string;
    item: string;
    on_hand: bigint;
    reserved: bigint;
    sold: bigint;
    frozen: bigint;
    version: bigint;
    changed_at: bigint;
    /** Of the whole ledger when it changed: who watches asks for what is above the last one. */
    revision: bigint;
  };
  /** A movement at each place where it moved something; never changed, never deleted. */
  movements: {
    tenant: string;
    id: string;
    site: string;
    item: string;
    kind: MovementKind;
    quantity: bigint;
    delta: bigint;
    other_site: string | null;
    occurred_at: bigint;
    booked_at: bigint;
    version: bigint;
    seen_version: bigint | null;
    fingerprint: string;
    actor: string | null;
    reason: string | null;
    /** JSON, as it came. */
    evidence: string | null;
  };
  reservations: {
    tenant: string;
    id: string;
    order_id: string;
    state: ReservationState;
    /** JSON: [item, quantity as decimal text, site] each. */
    lines: string;
    fingerprint: string;
    expires_at: bigint;
    changed_at: bigint;
  };
  discrepancies: {
    tenant: string;
    id: string;
    site: string;
    item: string;
    difference: bigint;
    movement_id: string;
    reason: DiscrepancyReason;
    detail: string;
    state: 'open' | 'resolved';
    opened_at: bigint;
    resolved_at: bigint | null;
  };
  /** One row, which each transaction that changes levels counts up. */
  ledger: { name: string; revision: bigint };
  /** Never holds a row: on PostgreSQL it is locked by who has the turn. */
  ledger_turn: { name: string };
  /** How far the gateways' movements are booked: moves in the transaction of the effects. */
  streams: {
    tenant: string;
    gateway_id: string;
    incarnation: string;
    lane: Lane;
    site: string;
    contiguous: bigint;
    /** JSON: [[first, last], …] as decimal texts. */
    ranges: string;
    last_event_at: bigint;
  };
  /** Blocks and messages that took no effect, with their bytes. */
  parked: {
    id: Generated<bigint>;
    /** Of where it came from and its bytes: what is delivered again is parked once. */
    digest: string;
    tenant: string | null;
    site: string | null;
    item: string | null;
    reason: string;
    detail: string;
    gateway_id: string | null;
    incarnation: string | null;
    first_sequence: bigint | null;
    record_count: bigint;
    parked_at: bigint;
    body: Uint8Array;
  };
}
