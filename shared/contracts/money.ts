import { z } from 'zod';

/** Integer minor units of an ISO 4217 currency (I8). */
export const moneySchema = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR'),
  minorUnits: z.int().min(0).max(1_000_000_000_000),
});
export type Money = z.infer<typeof moneySchema>;
