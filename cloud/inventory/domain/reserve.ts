import { createHash } from 'node:crypto';
import { freeOf } from '@holdfast/shared/domain/stock-level.ts';
import { moveClaim } from '@holdfast/shared/domain/stock-reservation.ts';
import type { Outcome, ReserveCommand, Shortage, WantedLine } from './command.ts';
import type { LevelRecord, ReservationRecord, ReservedLine } from './records.ts';
import { expireWhenOverdue } from './reservation-steps.ts';
import type { WorkingSet } from './working-set.ts';

/**
 * Promises all lines or none, never more than is free (I7). The same id answers with what became of
 * it; with another content it is refused.
 */
export function reserve(set: WorkingSet, command: ReserveCommand): Outcome {
  const { tenant, reservationId, orderId } = command;
  const known = set.reservation(tenant, reservationId);
  const fingerprint = fingerprintOf(command);
  if (known) {
    const isOther = known.fingerprint !== '' && known.fingerprint !== fingerprint;
    if (isOther) return { kind: 'other-content' };
    return { kind: 'reservation', reservation: expireWhenOverdue(set, known) };
  }
  const plan = planLines(set, command);
  if (plan.shortages.length > 0) return { kind: 'short', shortages: plan.shortages };
  const cause = { kind: 'reserve' as const, id: reservationId };
  for (const { item, site, quantity } of plan.lines) {
    const level = set.level({ tenant, site, item });
    set.changeLevel(level, moveClaim(level, { quantity, from: undefined, to: 'held' }), cause);
  }
  const reservation: ReservationRecord = {
    ...{ tenant, orderId, fingerprint, lines: plan.lines, state: 'held' },
    id: reservationId,
    expiresAt: set.now + command.holdMicros,
  };
  set.putReservation(reservation);
  return { kind: 'reservation', reservation };
}

function fingerprintOf({ orderId, lines }: ReserveCommand): string {
  const wanted = lines.map(({ item, quantity, site }) => [item, String(quantity), site ?? '']);
  return createHash('sha256')
    .update(JSON.stringify([orderId, wanted]))
    .digest('base64url');
}

interface Plan {
  readonly lines: readonly ReservedLine[];
  readonly shortages: readonly Shortage[];
}

/** Lines may name one item twice: each takes from what those before it left. */
function planLines(set: WorkingSet, { tenant, lines }: ReserveCommand): Plan {
  const taken = new Map<string, bigint>();
  const sites = new Set<string>();
  const planned: ReservedLine[] = [];
  const shortages: Shortage[] = [];
  const leftAt = (level: LevelRecord): bigint =>
    freeOf(level) - (taken.get(`${level.site}\0${level.item}`) ?? 0n);
  for (const line of lines) {
    const options = levelsFor(set, tenant, line).map((level) => ({ level, left: leftAt(level) }));
    const best = options.sort(byPreference(sites, line.quantity))[0];
    if (!best || best.left < line.quantity) {
      const left = best && best.left > 0n ? best.left : 0n;
      shortages.push({ item: line.item, wanted: line.quantity, free: left });
      continue;
    }
    const { site, item } = best.level;
    const place = `${site}\0${item}`;
    taken.set(place, (taken.get(place) ?? 0n) + line.quantity);
    sites.add(site);
    planned.push({ item, site, quantity: line.quantity });
  }
  return { lines: planned, shortages };
}

function levelsFor(
  set: WorkingSet,
  tenant: string,
  { item, site }: WantedLine,
): readonly LevelRecord[] {
  return site === undefined ? set.levelsOf(tenant, item) : [set.level({ tenant, site, item })];
}

interface Option {
  readonly level: LevelRecord;
  readonly left: bigint;
}

/** A site that the order needs anyway, then the one with most, then by name. */
function byPreference(sites: ReadonlySet<string>, quantity: bigint) {
  const rank = ({ level, left }: Option): number =>
    left >= quantity && sites.has(level.site) ? 0 : 1;
  return (a: Option, b: Option): number => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    if (a.left !== b.left) return a.left > b.left ? -1 : 1;
    return a.level.site < b.level.site ? -1 : 1;
  };
}
