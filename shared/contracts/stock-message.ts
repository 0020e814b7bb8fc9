import { z } from 'zod';

const QUANTITY_MAX = 1_000_000_000;
const NAME_CHARS_MAX = 128;
const EVIDENCE_CHARS_MAX = 1_000;

/** The code of an item as the warehouse names it, a movement's id, a site. */
const name = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'holds a character no name has');
const units = z.int().min(1).max(QUANTITY_MAX);

/** What a device says of itself; the gateway reads `boot` and `seq`, `ts` is the device's clock. */
const common = {
  item: name,
  /** The device's own id of the movement; with it a repeat is recognised wherever it comes from. */
  movement: name.optional(),
  reason: z.string().max(EVIDENCE_CHARS_MAX).optional(),
  /** What the device saw (scan, weight, reading): kept with the movement as it is. */
  evidence: z.record(name, z.union([z.string().max(EVIDENCE_CHARS_MAX), z.number()])).optional(),
  boot: z.string().optional(),
  seq: z.int().min(0).optional(),
  ts: z.union([z.string(), z.number()]).optional(),
};
const amount = { quantity: units, ...common };

/**
 * A message on `devices/{id}/stock`, JSON (docs/stock-messages.md). Each is a fact: it is booked,
 * or parked with its reason, never refused.
 */
export const stockMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['receive', 'sale', 'pick', 'return']), ...amount }),
  z.object({
    kind: z.literal('adjust'),
    quantity: z.int().min(-QUANTITY_MAX).max(QUANTITY_MAX),
    ...common,
  }),
  z.object({ kind: z.literal('transfer'), toSite: name, ...amount }),
  z.object({
    kind: z.literal('count'),
    count: z.int().min(0).max(QUANTITY_MAX),
    /** What the counter was shown before: the level's `onHand` and `version`. */
    seen: z.object({ onHand: z.int(), version: z.int().min(0) }).optional(),
    ...common,
  }),
]);
export type StockMessage = z.infer<typeof stockMessageSchema>;

const itemSchema = z.object({ item: name });

/** Of a message that cannot be read as a whole: the item, when that much can be told. */
export function itemOf(message: unknown): string | undefined {
  const found = itemSchema.safeParse(message);
  return found.success ? found.data.item : undefined;
}
