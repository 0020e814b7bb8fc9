import { z } from 'zod';
import { PAYLOAD_BYTES_MAX } from '../buffer/buffer.ts';
import { admissionSettings } from '../devices/admission.ts';

/** The `mqtt` part of the gateway's configuration. */
export const brokerSettingsSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(1883),
  /** A larger payload closes the connection. */
  payloadBytesMax: z.int().min(1).max(PAYLOAD_BYTES_MAX).default(PAYLOAD_BYTES_MAX),
  connectionsMax: z.int().min(1).max(100_000).default(10_000),
  /** From one address; a site behind one address needs more. */
  connectionsPerAddressMax: z.int().min(1).max(100_000).default(1_000),
  /** How long a connection may take to send its CONNECT. */
  connectTimeoutMs: z.int().min(100).max(300_000).default(10_000),
  /** A persistent session ends when its client was away for so many hours of the gateway's run. */
  sessionExpiryHours: z.int().min(1).max(87_600).default(168),
  ...admissionSettings,
});

export type BrokerSettings = z.infer<typeof brokerSettingsSchema>;
