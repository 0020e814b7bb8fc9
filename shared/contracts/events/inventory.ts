import { z } from 'zod';

const quantity = z.int();

export const MOVEMENT_KINDS = [
  'receive',
  'sale',
  'pick',
  'return',
  'adjust',
  'count',
  'transfer',
] as const;
export type MovementKind = (typeof MOVEMENT_KINDS)[number];

/** What the ledger says of one item at one site after the change. */
const stockChanged = z.strictObject({
  site: z.string(),
  item: z.string(),
  onHand: quantity,
  reserved: z.int().min(0),
  sold: z.int().min(0),
  free: z.int().min(0),
  version: z.int().min(1),
  cause: z.strictObject({
    kind: z.enum([...MOVEMENT_KINDS, 'reserve', 'confirm', 'release', 'expire']),
    /** The movement, or the reservation. */
    id: z.string(),
  }),
});
const reservationEnded = z.strictObject({
  reservationId: z.string(),
  orderId: z.string(),
  reason: z.enum(['released', 'expired']),
});
const discrepancyOpened = z.strictObject({
  discrepancyId: z.string(),
  site: z.string(),
  item: z.string(),
  /** What is missing (negative) or too much. */
  difference: quantity,
  movementId: z.string(),
  reason: z.string(),
});

/** Of a level: two tenants may each have a site and an item of the same names. */
export function stockSubject(at: {
  readonly tenant: string;
  readonly site: string;
  readonly item: string;
}): string {
  return `${at.tenant}/${at.site}/${at.item}`;
}

/** The subject of a level is `stockSubject`, of a reservation and of a discrepancy its id. */
export const INVENTORY_EVENTS = {
  'stock.changed.v1': { topic: 'inventory', data: stockChanged },
  'reservation.ended.v1': { topic: 'inventory', data: reservationEnded },
  'discrepancy.opened.v1': { topic: 'inventory', data: discrepancyOpened },
} as const;
