import type { MovementKind } from '../contracts/events/inventory.ts';

/** Whole units; a movement of more is a mistake of who typed it. */
export const QUANTITY_MAX = 1_000_000_000n;

/**
 * A fact about goods at a site (architecture §5). It never changes once it is booked, and it is
 * known by its id: whoever brings it again brings nothing new.
 */
export interface StockMovement {
  readonly id: string;
  readonly site: string;
  readonly item: string;
  readonly kind: MovementKind;
  /** Signed for adjust; what was counted for count; positive otherwise. */
  readonly quantity: bigint;
  /** Where a transfer goes. */
  readonly toSite?: string;
  /** When it happened, microseconds since 1970, by the clock of who saw it. */
  readonly occurredAt: bigint;
  readonly origin: MovementOrigin;
  /** Of a count: the ledger as the counter saw it. */
  readonly seen?: CounterView;
}

/** Whose ledger numbered it, and the number there. */
export interface MovementOrigin {
  readonly source: string;
  readonly sequence: bigint;
}

/** What the counter saw: how much there should be, and by which movements of which ledger. */
export interface CounterView {
  readonly onHand: bigint;
  /** By source: everything up to this sequence was seen. */
  readonly positions: Readonly<Record<string, bigint>>;
}

/** What a movement does at one place. */
export interface StockLeg {
  readonly site: string;
  readonly item: string;
  readonly delta: bigint;
}

type Deltas = Readonly<Record<MovementKind, (movement: DeltaInput) => bigint>>;
type DeltaInput = Pick<StockMovement, 'quantity' | 'seen'>;

/** A count says how far the ledger was off, so that it adds up in any order with what it missed. */
const DELTAS: Deltas = {
  receive: ({ quantity }) => quantity,
  sale: ({ quantity }) => -quantity,
  pick: ({ quantity }) => -quantity,
  return: ({ quantity }) => quantity,
  adjust: ({ quantity }) => quantity,
  count: ({ quantity, seen }) => quantity - (seen?.onHand ?? 0n),
  transfer: ({ quantity }) => -quantity,
};

/** One leg, or the two of a transfer. */
export function legsOf(movement: StockMovement): readonly StockLeg[] {
  const { site, item, kind, quantity, toSite } = movement;
  const here = { site, item, delta: DELTAS[kind](movement) };
  if (kind !== 'transfer' || toSite === undefined) return [here];
  return [here, { site: toSite, item, delta: quantity }];
}

/** Why this movement cannot be, whoever says it; undefined when it can. */
export function movementFault(movement: MovementShape): string | undefined {
  const { kind, quantity, site, toSite } = movement;
  const size = quantity < 0n ? -quantity : quantity;
  if (size > QUANTITY_MAX) return `the quantity is larger than ${QUANTITY_MAX}`;
  if (kind === 'adjust') {
    if (quantity === 0n) return 'an adjustment changes something';
  } else if (kind === 'count') {
    if (quantity < 0n) return 'a counted quantity is not negative';
  } else if (quantity <= 0n) return 'the quantity is positive';
  if (kind === 'transfer' && (!toSite || toSite === site)) return 'a transfer names another site';
  if (kind !== 'transfer' && toSite) return 'only a transfer goes to another site';
  return undefined;
}

export type MovementShape = Pick<StockMovement, 'kind' | 'quantity' | 'site' | 'toSite'>;

/**
 * True when a movement is older than a count at its place and the counter did not know of it: what
 * was counted may hold it already, or not.
 */
export function missedBy(
  count: Pick<StockMovement, 'id' | 'occurredAt' | 'seen'>,
  movement: Pick<StockMovement, 'id' | 'occurredAt' | 'origin'>,
): boolean {
  if (movement.id === count.id || movement.occurredAt >= count.occurredAt) return false;
  const { source, sequence } = movement.origin;
  return sequence > (count.seen?.positions[source] ?? 0n);
}
