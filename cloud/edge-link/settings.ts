import { z } from 'zod';

const MIB = 1024 * 1024;

/** How edge-link treats its streams. Milliseconds and bytes. */
export const edgeLinkSettingsSchema = z.strictObject({
  /**
   * Bytes of block bodies that one gateway may have in flight; bounds what one stream costs in
   * memory.
   */
  creditBytes: z
    .int()
    .min(MIB)
    .max(64 * MIB)
    .default(4 * MIB),
  /**
   * The same for all gateways of this process together: each has an even part of it, and never less
   * than 64 KiB.
   */
  fleetCreditBytes: z
    .int()
    .min(MIB)
    .max(1024 * MIB)
    .default(64 * MIB),
  /** From the moment that a gateway is let in to its Hello. */
  helloTimeoutMs: z.int().min(100).max(60_000).default(10_000),
  /** How long a Hello waits for the positions to catch up with the log. */
  catchUpTimeoutMs: z.int().min(100).max(60_000).default(10_000),
  /** A stream without any frame for so long is over; gateways report every 5 s. */
  idleTimeoutMs: z.int().min(1_000).max(300_000).default(30_000),
  /** A gateway that no process heard of for so long is lost. */
  lostAfterMs: z.int().min(5_000).max(300_000).default(15_000),
});

export type EdgeLinkSettings = z.output<typeof edgeLinkSettingsSchema>;
