import {
  isOverdue,
  moveClaim,
  type ReservationState,
  reservationStep,
} from '@holdfast/shared/domain/stock-reservation.ts';
import type { Outcome, StepCommand } from './command.ts';
import { discrepancyOf } from './discrepancies.ts';
import type { LegRecord, LevelRecord, ReservationRecord, ReservedLine } from './records.ts';
import type { WorkingSet } from './working-set.ts';

/** Confirms, picks, releases or expires a reservation, as the table of its states allows. */
export function stepReservation(set: WorkingSet, command: StepCommand): Outcome {
  const { kind, tenant, reservationId } = command;
  const known = set.reservation(tenant, reservationId);
  if (!known) return kind === 'release' ? releaseUnknown(set, command) : { kind: 'unknown' };
  const reservation = expireWhenOverdue(set, known);
  const step = reservationStep(reservation.state, kind);
  if (step.kind === 'refused') {
    if (kind === 'release' && reservation.state === 'picked') openUnsold(set, reservation);
    return { kind: 'refused', state: reservation.state };
  }
  if (step.kind === 'same') return { kind: 'reservation', reservation };
  return { kind: 'reservation', reservation: moveTo(set, reservation, step.state) };
}

/**
 * Whoever looks at a reservation whose time is up finds it expired, also before the sweep came by.
 */
export function expireWhenOverdue(
  set: WorkingSet,
  reservation: ReservationRecord,
): ReservationRecord {
  return isOverdue(reservation, set.now) ? moveTo(set, reservation, 'expired') : reservation;
}

/** The Reserve that it belongs to may still come: it shall find it ended. */
function releaseUnknown(set: WorkingSet, { tenant, reservationId: id }: StepCommand): Outcome {
  const reservation: ReservationRecord = {
    ...{ tenant, id, orderId: '', state: 'released', lines: [], fingerprint: '' },
    expiresAt: set.now,
  };
  set.putReservation(reservation);
  return { kind: 'reservation', reservation };
}

/**
 * The order was undone after its goods had left the shelf. Where they are only a person can find
 * out; back on the shelf they are a return.
 */
function openUnsold(set: WorkingSet, { tenant, id, orderId, lines }: ReservationRecord): void {
  for (const [index, { site, item, quantity }] of lines.entries()) {
    const detail = `${quantity} were picked for ${orderId}, which was undone then`;
    const found = { reason: 'picked_unsold', difference: quantity, detail } as const;
    set.open(discrepancyOf({ tenant, site, item, id: pickId(id, index) }, found));
  }
}

/** The movement by which a line of the reservation left. */
function pickId(reservationId: string, index: number): string {
  return `${reservationId}/${index}`;
}

type NextState = Exclude<ReservationState, 'held'>;

const CAUSES = {
  confirmed: 'confirm',
  picked: 'pick',
  released: 'release',
  expired: 'expire',
} as const satisfies Record<NextState, string>;

function moveTo(
  set: WorkingSet,
  reservation: ReservationRecord,
  state: ReservationState,
): ReservationRecord {
  const to = state as NextState;
  const { tenant, id } = reservation;
  for (const [index, line] of reservation.lines.entries()) {
    const before = set.level({ tenant, site: line.site, item: line.item });
    const claimed = moveClaim(before, { quantity: line.quantity, from: reservation.state, to });
    if (to === 'picked') pick(set, { before, claimed, line, id: pickId(id, index) });
    else set.changeLevel(before, claimed, { kind: CAUSES[to], id });
  }
  const moved = { ...reservation, state };
  set.putReservation(moved);
  if (to === 'released' || to === 'expired') set.tellEnded(moved, to);
  return moved;
}

interface PickedLine {
  readonly before: LevelRecord;
  readonly claimed: LevelRecord;
  readonly line: ReservedLine;
  readonly id: string;
}

/** Goods that leave for what they were sold to: they are neither sold nor on hand any more. */
function pick(set: WorkingSet, { before, claimed, line, id }: PickedLine): void {
  const { tenant, site, item } = before;
  const { quantity } = line;
  const after = { ...claimed, onHand: claimed.onHand - quantity };
  const { version } = set.changeLevel(before, after, { kind: 'pick', id });
  const leg: LegRecord = {
    ...{ tenant, id, site, item, quantity, version, kind: 'pick', delta: -quantity },
    ...{ otherSite: null, seenVersion: null, actor: null, reason: null, evidence: null },
    occurredAt: set.now,
    fingerprint: `pick ${id}`,
  };
  set.addLeg(leg);
}
