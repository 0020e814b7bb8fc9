import { z } from 'zod';

/** The settings under `payment`. */
export const paymentSettingsSchema = z
  .strictObject({
    acquirer: z
      .strictObject({
        /** Its SOAP endpoint; without it the sandbox of this process, or else of this machine. */
        url: z.url().optional(),
        soapVersion: z.enum(['1.1', '1.2']).default('1.1'),
        username: z.string().min(1).max(100).default('holdfast'),
        /** Without it one is drawn once and kept with the secrets; the sandbox knows that one. */
        secretPassword: z.string().min(8).optional(),
        /** Of each call, from the connection to the last byte. */
        timeoutMs: z.int().min(10).max(10_000).default(3_000),
      })
      .prefault({}),
    /** How long a call belongs to the process that began it; then another finds out its outcome. */
    leaseMs: z.int().min(100).max(120_000).default(15_000),
  })
  .prefault({});

export type PaymentSettings = z.infer<typeof paymentSettingsSchema>;
