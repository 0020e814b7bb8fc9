import { legsOf, missedBy, type StockLeg, type StockMovement } from './stock-movement.ts';

/**
 * The ledger of movements per site and item: a set that only grows. What it says follows from the
 * set alone, so it merges in any order, with anything delivered any number of times.
 */
export interface StockLedger {
  readonly movements: ReadonlyMap<string, StockMovement>;
  /** By `placeName`. */
  readonly places: ReadonlyMap<string, StockPlace>;
}

export interface StockPlace {
  readonly onHand: bigint;
  readonly movements: readonly StockMovement[];
  /**
   * By movement: what it may have put wrong, because a counter did not know of it and it was older
   * than the count. What is missing is negative.
   */
  readonly discrepancies: ReadonlyMap<string, bigint>;
}

export const EMPTY_LEDGER: StockLedger = { movements: new Map(), places: new Map() };

const EMPTY_PLACE: StockPlace = { onHand: 0n, movements: [], discrepancies: new Map() };

/** Site and item as one name; neither holds U+0000. */
export function placeName(site: string, item: string): string {
  return `${site}\0${item}`;
}

/** The ledger with one more movement; the same ledger when it has it already. */
export function addMovement(ledger: StockLedger, movement: StockMovement): StockLedger {
  if (ledger.movements.has(movement.id)) return ledger;
  const places = new Map(ledger.places);
  for (const leg of legsOf(movement)) {
    const name = placeName(leg.site, leg.item);
    places.set(name, addLeg(places.get(name) ?? EMPTY_PLACE, { leg, movement }));
  }
  return { movements: new Map(ledger.movements).set(movement.id, movement), places };
}

function addLeg(
  place: StockPlace,
  { leg, movement }: { readonly leg: StockLeg; readonly movement: StockMovement },
): StockPlace {
  const discrepancies = new Map(place.discrepancies);
  const others = place.movements;
  for (const missed of missedMovements(movement, others)) {
    const delta = deltaAt(leg, missed);
    if (delta !== 0n) discrepancies.set(missed.id, -delta);
  }
  return {
    onHand: place.onHand + leg.delta,
    movements: [...others, movement],
    discrepancies,
  };
}

/** Of a new movement and those that are there: which ones a counter did not know. */
function missedMovements(
  added: StockMovement,
  others: readonly StockMovement[],
): readonly StockMovement[] {
  const byAdded = added.kind === 'count' ? others.filter((other) => missedBy(added, other)) : [];
  const missesAdded = others.some((other) => other.kind === 'count' && missedBy(other, added));
  return missesAdded ? [...byAdded, added] : byAdded;
}

function deltaAt({ site, item }: StockLeg, movement: StockMovement): bigint {
  const legs = legsOf(movement).filter((leg) => leg.site === site && leg.item === item);
  return legs.reduce((sum, leg) => sum + leg.delta, 0n);
}
