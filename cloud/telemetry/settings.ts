import { z } from 'zod';

/** How long telemetry keeps what, and how it tidies up. */
export const telemetrySettingsSchema = z
  .strictObject({
    /** Days that raw readings stay after the cloud received them. */
    rawRetentionDays: z.int().min(1).max(3_650).default(30),
    /** Days that the minutes' summaries stay; the hours' stay for good. */
    minuteRetentionDays: z.int().min(1).max(36_500).default(365),
    /**
     * Days that blocks which could not be applied stay with their bytes; then their number does.
     * Longer than the log keeps its events, so that none is parked anew.
     */
    parkedRetentionDays: z.int().min(8).max(3_650).default(90),
    /** Readings are gathered into their hour's chunk this long after they arrived. */
    foldAfterMs: z.int().min(100).max(3_600_000).default(300_000),
  })
  .prefault({});

export type TelemetrySettings = z.output<typeof telemetrySettingsSchema>;
