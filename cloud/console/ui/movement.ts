import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import type { StockLevel } from './stock-api.ts';

/** What each kind of movement is to the person who books it. */
export const MOVEMENT_WORDS: Readonly<Record<MovementKind, string>> = {
  receive: 'Received: goods came in',
  count: 'Counted: this is what lies there',
  adjust: 'Adjusted: more (or less, with a minus) than the ledger says',
  return: 'Returned: a customer brought goods back',
  sale: 'Sold at the till',
  pick: 'Picked: goods left the shelf',
  transfer: 'Transferred to another site',
};

/** What stands in the form. */
export interface MovementDraft {
  readonly site: string;
  readonly item: string;
  readonly kind: MovementKind;
  readonly quantity: string;
  readonly toSite: string;
  readonly reason: string;
}

export interface NewMovement {
  readonly site: string;
  readonly item: string;
  readonly kind: MovementKind;
  readonly quantity: number;
  readonly toSite?: string;
  readonly seen?: { readonly onHand: number; readonly version: number };
  readonly reason?: string;
}

const WHOLE = /^-?\d{1,9}$/;

/**
 * Undefined when the quantity is no whole number. A count says what its counter saw in the ledger,
 * so that what moved meanwhile is not counted away.
 */
export function readMovement(
  { site, item, kind, quantity, toSite, reason }: MovementDraft,
  seen: StockLevel | undefined,
): NewMovement | undefined {
  if (!WHOLE.test(quantity.trim())) return undefined;
  return {
    ...{ site: site.trim(), item: item.trim(), kind, quantity: Number(quantity) },
    ...(kind === 'transfer' && { toSite: toSite.trim() }),
    ...(kind === 'count' && seen && { seen: { onHand: seen.onHand, version: seen.version } }),
    ...(reason.trim() !== '' && { reason: reason.trim() }),
  };
}
