import { createHash } from 'node:crypto';
import { overPromisedBy } from '@holdfast/shared/domain/stock-level.ts';
import {
  legsOf,
  missedBy,
  type StockLeg,
  type StockMovement,
} from '@holdfast/shared/domain/stock-movement.ts';
import type { MoveCommand, NewMovement, Outcome } from './command.ts';
import { discrepancyOf } from './discrepancies.ts';
import type { LegRecord, LevelRecord } from './records.ts';
import type { WorkingSet } from './working-set.ts';

/** The region's own ledger: it numbers the movements of each place by the level's versions. */
const LEDGER = 'ledger';

/** Books a fact. It is never refused for what it says of the stock (I7). */
export function bookMovement(set: WorkingSet, command: MoveCommand): Outcome {
  const { tenant, movement } = command;
  const fingerprint = fingerprintOf(movement);
  const [known] = set.legsOfMovement(tenant, movement.id);
  if (known) {
    if (known.fingerprint !== fingerprint) return { kind: 'other-content' };
    const { site, item } = movement;
    return { kind: 'booked', level: set.level({ tenant, site, item }), repeated: true };
  }
  const occurredAt = movement.occurredAt ?? set.now;
  const place = { tenant, site: movement.site, item: movement.item };
  const seen = movement.kind === 'count' ? viewOf(set, { place, movement, occurredAt }) : undefined;
  const origin = { source: LEDGER, sequence: 0n };
  const { seen: _, ...told } = movement;
  const fact: StockMovement = { ...told, occurredAt, origin, ...(seen ? { seen } : {}) };
  for (const leg of legsOf(fact)) bookLeg(set, { command, fact, leg, fingerprint });
  const level = set.level(place);
  if (command.by) set.audit(tenant, auditOf(command, level));
  return { kind: 'booked', level, repeated: false };
}

/** What makes two movements of one id the same one. */
function fingerprintOf({ site, item, kind, quantity, toSite }: NewMovement): string {
  const content = JSON.stringify([site, item, kind, String(quantity), toSite ?? '']);
  return createHash('sha256').update(content).digest('base64url');
}

interface Counted {
  readonly place: { readonly tenant: string; readonly site: string; readonly item: string };
  readonly movement: NewMovement;
  readonly occurredAt: bigint;
}

/**
 * The ledger as the counter saw it: as the device showed it, or else all that is known of before
 * the count, whenever the count itself arrives.
 */
function viewOf(set: WorkingSet, { place, movement, occurredAt }: Counted): StockMovement['seen'] {
  if (movement.seen) {
    const { onHand, version } = movement.seen;
    return { onHand, positions: { [LEDGER]: version } };
  }
  const { onHand, version } = set.level(place);
  const since = set.legsAt(place).filter((leg) => leg.occurredAt > occurredAt);
  const later = since.reduce((sum, leg) => sum + leg.delta, 0n);
  return { onHand: onHand - later, positions: { [LEDGER]: version } };
}

interface BookedLeg {
  readonly command: MoveCommand;
  readonly fact: StockMovement;
  readonly leg: StockLeg;
  readonly fingerprint: string;
}

function bookLeg(set: WorkingSet, { command, fact, leg, fingerprint }: BookedLeg): void {
  const { tenant, movement, by } = command;
  const { site, item, delta } = leg;
  const before = set.level({ tenant, site, item });
  const onHand = before.onHand + delta;
  const cause = { kind: fact.kind, id: fact.id };
  const after = set.changeLevel(before, { ...before, onHand }, cause);
  const record: LegRecord = {
    ...{ tenant, id: fact.id, site, item, kind: fact.kind, quantity: fact.quantity, delta },
    otherSite: fact.toSite === undefined ? null : site === fact.site ? fact.toSite : fact.site,
    occurredAt: fact.occurredAt,
    version: after.version,
    seenVersion: fact.seen?.positions[LEDGER] ?? null,
    fingerprint,
    actor: by?.actor ?? null,
    reason: movement.reason ?? null,
    evidence: movement.evidence ?? null,
  };
  openMissed(set, record);
  set.addLeg(record);
  openOverPromised(set, { before, after, record });
}

/** What a counter did not know of, though it was older than the count, on either side. */
function openMissed(set: WorkingSet, added: LegRecord): void {
  for (const other of set.legsAt(added)) {
    if (added.kind === 'count' && missedBy(asFact(added), asFact(other))) openFor(set, other);
    if (other.kind === 'count' && missedBy(asFact(other), asFact(added))) openFor(set, added);
  }
}

function openFor(set: WorkingSet, leg: LegRecord): void {
  if (leg.delta === 0n) return;
  const what = `${leg.kind} of ${leg.quantity}`;
  const detail = `${what} is older than a count whose counter did not see it`;
  set.open(discrepancyOf(leg, { reason: 'missed_by_count', difference: -leg.delta, detail }));
}

function asFact(leg: LegRecord) {
  const { id, occurredAt, version, seenVersion } = leg;
  const seen =
    seenVersion === null ? {} : { seen: { onHand: 0n, positions: { [LEDGER]: seenVersion } } };
  return { id, occurredAt, origin: { source: LEDGER, sequence: version }, ...seen };
}

/** Goods that left without a right: the fact stands, and what was promised is not there (I7). */
function openOverPromised(
  set: WorkingSet,
  change: {
    readonly before: LevelRecord;
    readonly after: LevelRecord;
    readonly record: LegRecord;
  },
): void {
  const over = overPromisedBy(change.after);
  if (over <= overPromisedBy(change.before)) return;
  const detail = `${change.after.onHand} on hand, and ${over} more than that promised`;
  set.open(discrepancyOf(change.record, { reason: 'promised_more', difference: -over, detail }));
}

const DETAIL_CHARS_MAX = 200;

function auditOf({ movement, by }: MoveCommand, level: LevelRecord) {
  const { site, item, kind, quantity, toSite, reason } = movement;
  return {
    action: `stock.${kind}`,
    outcome: 'done' as const,
    actor: by!.actor,
    resource: { kind: 'stock', id: `${site}/${item}` },
    site,
    ...(by?.policyRevision === undefined ? {} : { policyRevision: by.policyRevision }),
    ...(by?.reasons === undefined ? {} : { reasons: [...by.reasons] }),
    detail: {
      movement: movement.id,
      quantity: Number(quantity),
      onHand: Number(level.onHand),
      ...(toSite === undefined ? {} : { toSite }),
      ...(reason === undefined ? {} : { reason: reason.slice(0, DETAIL_CHARS_MAX) }),
    },
  };
}
