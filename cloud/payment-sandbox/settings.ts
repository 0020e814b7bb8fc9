import { z } from 'zod';

/** The settings under `paymentSandbox`. It listens on loopback only: it takes no real money. */
export const paymentSandboxSettingsSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(8095),
    /** How late `late` answers. */
    lateMs: z.int().min(0).max(10_000).default(1_000),
  })
  .prefault({});

export type PaymentSandboxSettings = z.infer<typeof paymentSandboxSettingsSchema>;
