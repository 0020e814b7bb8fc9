import { z } from 'zod';

const DAY_SECONDS = 86_400;

/** The settings under `order`. */
export const orderSettingsSchema = z
  .strictObject({
    /** Sagas that one process works on at once. */
    concurrency: z.int().min(1).max(1_000).default(64),
    /** How long stock is held for an order that is not confirmed. */
    holdSeconds: z.int().min(1).max(3_600).default(900),
    /** An order that has no certain answers by then is declined and undone. */
    confirmSeconds: z.int().min(1).max(3_600).default(120),
    /** An authorisation that was not captured by then is voided, and the order cancelled. */
    captureSeconds: z
      .int()
      .min(1)
      .max(30 * DAY_SECONDS)
      .default(7 * DAY_SECONDS),
    /** From the wish to ship until the money is taken; beyond, the order is cancelled. */
    shipSeconds: z.int().min(1).max(DAY_SECONDS).default(DAY_SECONDS),
    /** Longer than a step: the calls' deadline and the commit; then another process goes on. */
    leaseMs: z.int().min(500).max(600_000).default(30_000),
    callTimeoutMs: z.int().min(100).max(30_000).default(5_000),
    /** How late a retry or an order of a dead process may be noticed. */
    sweepMs: z.int().min(10).max(60_000).default(250),
  })
  .refine(({ holdSeconds, confirmSeconds }) => confirmSeconds < holdSeconds, {
    path: ['confirmSeconds'],
    message: 'must be less than holdSeconds: a hold that ends first is a reservation lost',
  })
  .prefault({});

export type OrderSettings = z.infer<typeof orderSettingsSchema>;
