import { z } from 'zod';

const MIB = 1024 * 1024;

/** The `buffer` part of the gateway's configuration. */
export const bufferSettingsSchema = z.strictObject({
  /** What the lanes `event` and `telemetry` may use; `stock` has 64 MiB more. */
  bytesMax: z
    .int()
    .min(MIB / 4)
    .default(1024 * MIB),
  /** What they may take at most of the volume that the file lies on, whatever its size. */
  volumeShareMax: z.number().min(0.01).max(0.95).default(0.5),
  /** Kept in a file beside the buffer, and given back to `stock` when the volume is full. */
  reserveBytes: z
    .int()
    .min(0)
    .max(1024 * MIB)
    .default(8 * MIB),
  /**
   * How long a commit waits for company. 0 is as soon as possible; more trades latency for flash
   * wear.
   */
  commitWindowMs: z.int().min(0).max(1_000).default(0),
});

export type BufferSettings = z.infer<typeof bufferSettingsSchema>;
