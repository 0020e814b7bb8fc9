/** What one item at one site comes to, and what of it is promised. */
export interface StockLevel {
  readonly onHand: bigint;
  /** Held for orders that are not confirmed. */
  readonly reserved: bigint;
  /** Confirmed for orders and not picked yet. */
  readonly sold: bigint;
  /** Things about it that a person must settle before anything more of it is promised. */
  readonly frozen: bigint;
}

export const EMPTY_LEVEL: StockLevel = { onHand: 0n, reserved: 0n, sold: 0n, frozen: 0n };

/**
 * What may still be promised (I7). One holder owns all rights of its region for now, so they are
 * what is on hand and not promised.
 */
export function freeOf({ onHand, reserved, sold, frozen }: StockLevel): bigint {
  if (frozen > 0n) return 0n;
  const free = onHand - reserved - sold;
  return free > 0n ? free : 0n;
}

/** By how much the promises exceed what is there; facts alone can make it so. */
export function overPromisedBy({ onHand, reserved, sold }: StockLevel): bigint {
  const over = reserved + sold - onHand;
  return over > 0n ? over : 0n;
}
