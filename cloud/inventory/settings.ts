import { z } from 'zod';

/** How inventory keeps promises, and how it tidies up. */
export const inventorySettingsSchema = z
  .strictObject({
    /** How often reservations whose time is up are looked for. */
    sweepEveryMs: z.int().min(50).max(60_000).default(1_000),
    /** How often watchers are told of what another process changed. */
    watchPollMs: z.int().min(20).max(10_000).default(250),
  })
  .prefault({});

export type InventorySettings = z.output<typeof inventorySettingsSchema>;
