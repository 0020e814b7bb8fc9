import type { Selectable } from 'kysely';
import type {
  DiscrepancyRecord,
  LegRecord,
  LevelRecord,
  ReservationRecord,
  ReservedLine,
} from '../domain/records.ts';
import type { InventoryTables } from './tables.ts';

export type LevelRow = Omit<Selectable<InventoryTables['levels']>, 'revision'>;

export function levelOf({ on_hand, changed_at, ...same }: LevelRow): LevelRecord {
  return { ...same, onHand: on_hand, changedAt: changed_at };
}

export function levelRow({ onHand, changedAt, ...same }: LevelRecord, revision: bigint) {
  return { ...same, on_hand: onHand, changed_at: changedAt, revision };
}

/** Columns that a decision needs. */
export const RESERVATION_COLUMNS = [
  'tenant',
  'id',
  'order_id',
  'state',
  'lines',
  'fingerprint',
  'expires_at',
] as const;
type ReservationRow = Pick<
  Selectable<InventoryTables['reservations']>,
  (typeof RESERVATION_COLUMNS)[number]
>;

export function reservationOf(row: ReservationRow): ReservationRecord {
  const { tenant, id, order_id, state, lines, fingerprint, expires_at } = row;
  return {
    tenant,
    id,
    orderId: order_id,
    state,
    lines: linesOf(lines),
    fingerprint,
    expiresAt: expires_at,
  };
}

function linesOf(text: string): readonly ReservedLine[] {
  const lines = JSON.parse(text) as [string, string, string][];
  return lines.map(([item, quantity, site]) => ({ item, quantity: BigInt(quantity), site }));
}

export function reservationRow(reservation: ReservationRecord, now: bigint) {
  const { tenant, id, orderId, state, lines, fingerprint, expiresAt } = reservation;
  const text = lines.map(({ item, quantity, site }) => [item, String(quantity), site]);
  return {
    ...{ tenant, id, order_id: orderId, state, lines: JSON.stringify(text), fingerprint },
    expires_at: expiresAt,
    changed_at: now,
  };
}

export function legOf(row: Selectable<InventoryTables['movements']>): LegRecord {
  const { other_site, occurred_at, booked_at: _, seen_version, ...same } = row;
  return { ...same, otherSite: other_site, occurredAt: occurred_at, seenVersion: seen_version };
}

export function legRow({ otherSite, occurredAt, seenVersion, ...same }: LegRecord, now: bigint) {
  return {
    ...same,
    other_site: otherSite,
    occurred_at: occurredAt,
    booked_at: now,
    seen_version: seenVersion,
  };
}

export const DISCREPANCY_COLUMNS = [
  'tenant',
  'id',
  'site',
  'item',
  'difference',
  'movement_id',
  'reason',
  'detail',
  'state',
] as const;
type DiscrepancyRow = Pick<
  Selectable<InventoryTables['discrepancies']>,
  (typeof DISCREPANCY_COLUMNS)[number]
>;

export function discrepancyRecord({ movement_id, ...same }: DiscrepancyRow): DiscrepancyRecord {
  return { ...same, movementId: movement_id };
}

export function discrepancyRow({ movementId, ...same }: DiscrepancyRecord, now: bigint) {
  return { ...same, movement_id: movementId, opened_at: now, resolved_at: null };
}
