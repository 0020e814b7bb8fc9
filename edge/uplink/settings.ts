import { z } from 'zod';

const SECOND = 1_000;

/** How the uplink reaches the cloud. Milliseconds. */
export const uplinkSettingsSchema = z.strictObject({
  /** A live reading waits at most this long for others to share its block. */
  liveSealMs: z.int().min(1).max(60_000).default(100),
  /** From the start of a connection to the end of its TLS handshake. */
  connectTimeoutMs: z.int().min(100).max(60_000).default(5_000),
  /** From the Hello to the Welcome; the cloud itself gives up after 10 s. */
  welcomeTimeoutMs: z
    .int()
    .min(100)
    .max(120_000)
    .default(15 * SECOND),
  /** Blocks are in flight and nothing comes back for so long: the stream is dead. */
  ackTimeoutMs: z
    .int()
    .min(100)
    .max(300_000)
    .default(30 * SECOND),
  /**
   * The first retry; each further one waits twice as long, up to the next setting, less a random
   * part.
   */
  retryDelayMsMin: z.int().min(10).max(60_000).default(200),
  retryDelayMsMax: z.int().min(10).max(600_000).default(1_000),
  /** After a refusal that only a person can lift: a wrong certificate, an unknown protocol. */
  rejectedRetryMs: z
    .int()
    .min(10)
    .max(3_600_000)
    .default(10 * SECOND),
  /**
   * A report is sent this often when nothing changes, and at most once a second when something
   * does.
   */
  reportEveryMs: z
    .int()
    .min(SECOND)
    .max(60_000)
    .default(5 * SECOND),
});

export type UplinkSettings = z.output<typeof uplinkSettingsSchema>;
