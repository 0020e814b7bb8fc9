import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import { stockSubject } from '@holdfast/shared/contracts/events/inventory.ts';
import type { EventData } from '@holdfast/shared/contracts/events.ts';
import { EMPTY_LEVEL, freeOf, type StockLevel } from '@holdfast/shared/domain/stock-level.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { DiscrepancyRecord, LegRecord, LevelRecord, ReservationRecord } from './records.ts';

type StockCause = EventData<'stock.changed.v1'>['cause'];

/** An event that goes out with the change. */
export type StockEvent = {
  [T in 'stock.changed.v1' | 'reservation.ended.v1']: {
    readonly type: T;
    readonly subject: string;
    readonly tenant: string;
    readonly actor?: string;
    readonly data: EventData<T>;
  };
}['stock.changed.v1' | 'reservation.ended.v1'];

/** What a transaction read before it decides. */
export interface Loaded {
  /** Of the items concerned, at every site. */
  readonly levels: readonly LevelRecord[];
  readonly reservations: readonly ReservationRecord[];
  /** Those that commands bring again, and those that a count has to do with. */
  readonly legs: readonly LegRecord[];
  readonly discrepancies: readonly DiscrepancyRecord[];
}

interface Place {
  readonly tenant: string;
  readonly site: string;
  readonly item: string;
}

/** What is written at the end of the transaction. */
export interface Changes {
  readonly levels: readonly LevelRecord[];
  readonly reservations: readonly ReservationRecord[];
  readonly legs: readonly LegRecord[];
  readonly opened: readonly DiscrepancyRecord[];
  readonly resolved: readonly DiscrepancyRecord[];
  readonly events: readonly StockEvent[];
  readonly audits: readonly { readonly tenant: string; readonly entry: AuditEntry }[];
}

/**
 * The part of the ledger that a transaction works on: commands run on it one after the other, each
 * on what those before it left, and what changed is written once.
 */
export class WorkingSet {
  readonly now: bigint;
  readonly #levels = new Map<string, LevelRecord>();
  readonly #sites = new Map<string, Set<string>>();
  readonly #reservations = new Map<string, ReservationRecord>();
  readonly #discrepancies = new Map<string, DiscrepancyRecord>();
  readonly #legsByMovement = new Map<string, LegRecord[]>();
  readonly #legsByPlace = new Map<string, LegRecord[]>();
  readonly #changedLevels = new Set<string>();
  readonly #changedReservations = new Set<string>();
  readonly #newLegs: LegRecord[] = [];
  readonly #opened = new Map<string, DiscrepancyRecord>();
  readonly #resolved: DiscrepancyRecord[] = [];
  readonly #events: StockEvent[] = [];
  readonly #audits: { tenant: string; entry: AuditEntry }[] = [];

  constructor(loaded: Loaded, now: bigint) {
    this.now = now;
    for (const level of loaded.levels) this.#putLevel(level);
    for (const one of loaded.reservations) this.#reservations.set(nameOf(one.tenant, one.id), one);
    for (const leg of loaded.legs) this.#putLeg(leg);
    for (const one of loaded.discrepancies)
      this.#discrepancies.set(nameOf(one.tenant, one.id), one);
  }

  level(place: Place): LevelRecord {
    const { tenant, site, item } = place;
    const known = this.#levels.get(nameOf(tenant, site, item));
    return known ?? { tenant, site, item, ...EMPTY_LEVEL, version: 0n, changedAt: 0n };
  }

  /** The item's levels at all sites that know it, by site. */
  levelsOf(tenant: string, item: string): readonly LevelRecord[] {
    const sites = [...(this.#sites.get(nameOf(tenant, item)) ?? [])].sort();
    return sites.map((site) => this.level({ tenant, site, item }));
  }

  reservation(tenant: string, id: string): ReservationRecord | undefined {
    return this.#reservations.get(nameOf(tenant, id));
  }

  discrepancy(tenant: string, id: string): DiscrepancyRecord | undefined {
    return this.#discrepancies.get(nameOf(tenant, id));
  }

  legsOfMovement(tenant: string, id: string): readonly LegRecord[] {
    return this.#legsByMovement.get(nameOf(tenant, id)) ?? [];
  }

  /** As far as they were loaded or booked here. */
  legsAt({ tenant, site, item }: Place): readonly LegRecord[] {
    return this.#legsByPlace.get(nameOf(tenant, site, item)) ?? [];
  }

  /** One change of a level: its next version, and its event. */
  changeLevel(before: LevelRecord, after: StockLevel, cause: StockCause): LevelRecord {
    const { tenant, site, item } = before;
    const { onHand, reserved, sold, frozen } = after;
    assert(reserved >= 0n && sold >= 0n && frozen >= 0n, 'no promise is taken back twice');
    const level: LevelRecord = {
      ...{ tenant, site, item, onHand, reserved, sold, frozen },
      version: before.version + 1n,
      changedAt: this.now,
    };
    this.#putLevel(level);
    this.#changedLevels.add(nameOf(tenant, site, item));
    const data = {
      ...{ site, item, cause },
      onHand: Number(onHand),
      reserved: Number(reserved),
      sold: Number(sold),
      free: Number(freeOf(level)),
      version: Number(level.version),
    };
    const subject = stockSubject({ tenant, site, item });
    this.#events.push({ type: 'stock.changed.v1', subject, tenant, data });
    return level;
  }

  putReservation(reservation: ReservationRecord): void {
    const name = nameOf(reservation.tenant, reservation.id);
    this.#reservations.set(name, reservation);
    this.#changedReservations.add(name);
  }

  tellEnded({ tenant, id, orderId }: ReservationRecord, reason: 'released' | 'expired'): void {
    const data = { reservationId: id, orderId, reason };
    this.#events.push({ type: 'reservation.ended.v1', subject: id, tenant, data });
  }

  addLeg(leg: LegRecord): void {
    this.#putLeg(leg);
    this.#newLegs.push(leg);
  }

  open(discrepancy: DiscrepancyRecord): void {
    this.#opened.set(nameOf(discrepancy.tenant, discrepancy.id), discrepancy);
  }

  resolve(discrepancy: DiscrepancyRecord): void {
    this.#discrepancies.set(nameOf(discrepancy.tenant, discrepancy.id), discrepancy);
    this.#resolved.push(discrepancy);
  }

  audit(tenant: string, entry: AuditEntry): void {
    this.#audits.push({ tenant, entry });
  }

  changes(): Changes {
    return {
      levels: [...this.#changedLevels].map((name) => this.#levels.get(name)!),
      reservations: [...this.#changedReservations].map((name) => this.#reservations.get(name)!),
      legs: this.#newLegs,
      opened: [...this.#opened.values()],
      resolved: this.#resolved,
      events: this.#events,
      audits: this.#audits,
    };
  }

  #putLevel(level: LevelRecord): void {
    const { tenant, site, item } = level;
    this.#levels.set(nameOf(tenant, site, item), level);
    const name = nameOf(tenant, item);
    const sites = this.#sites.get(name) ?? new Set();
    this.#sites.set(name, sites.add(site));
  }

  #putLeg(leg: LegRecord): void {
    const { tenant, id, site, item } = leg;
    push(this.#legsByMovement, nameOf(tenant, id), leg);
    push(this.#legsByPlace, nameOf(tenant, site, item), leg);
  }
}

/** Names hold no U+0000: what would is refused or parked before it gets here. */
function nameOf(...parts: readonly string[]): string {
  return parts.join('\0');
}

/** A leg may be loaded for two reasons. */
function push(map: Map<string, LegRecord[]>, name: string, leg: LegRecord): void {
  const legs = map.get(name) ?? [];
  if (!legs.some(({ id, site }) => id === leg.id && site === leg.site)) legs.push(leg);
  map.set(name, legs);
}
