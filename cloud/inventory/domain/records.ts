import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import type { StockLevel } from '@holdfast/shared/domain/stock-level.ts';
import type { ReservationState } from '@holdfast/shared/domain/stock-reservation.ts';

/** A level as it is kept. Times are microseconds since 1970. */
export interface LevelRecord extends StockLevel {
  readonly tenant: string;
  readonly site: string;
  readonly item: string;
  /** Grows by one with each change. */
  readonly version: bigint;
  readonly changedAt: bigint;
}

export interface ReservedLine {
  readonly item: string;
  readonly quantity: bigint;
  readonly site: string;
}

export interface ReservationRecord {
  readonly tenant: string;
  readonly id: string;
  readonly orderId: string;
  readonly state: ReservationState;
  readonly lines: readonly ReservedLine[];
  /** Of the order and what it wanted; empty when it was released before it was ever reserved. */
  readonly fingerprint: string;
  readonly expiresAt: bigint;
}

/** A movement at one place, as it is kept. */
export interface LegRecord {
  readonly tenant: string;
  readonly id: string;
  readonly site: string;
  readonly item: string;
  readonly kind: MovementKind;
  /** As it was told: of a count what was counted. */
  readonly quantity: bigint;
  readonly delta: bigint;
  readonly otherSite: string | null;
  readonly occurredAt: bigint;
  /** Of the level, once this was booked: its number in the place's ledger. */
  readonly version: bigint;
  /** Of a count: up to which version the counter knew the place. */
  readonly seenVersion: bigint | null;
  readonly fingerprint: string;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly evidence: string | null;
}

export const DISCREPANCY_REASONS = [
  'missed_by_count',
  'picked_unsold',
  'promised_more',
  'unreadable',
] as const;
export type DiscrepancyReason = (typeof DISCREPANCY_REASONS)[number];

export interface DiscrepancyRecord {
  readonly tenant: string;
  readonly id: string;
  readonly site: string;
  readonly item: string;
  readonly difference: bigint;
  readonly movementId: string;
  readonly reason: DiscrepancyReason;
  /** For the person who resolves it. */
  readonly detail: string;
  readonly state: 'open' | 'resolved';
}
