import { LOG_LEVELS } from '@holdfast/shared/runtime/logger.ts';
import { tracingSettingsSchema } from '@holdfast/shared/runtime/tracing-settings.ts';
import { z } from 'zod';
import { brokerSettingsSchema } from './broker/broker-settings.ts';
import { bufferSettingsSchema } from './buffer/buffer-settings.ts';
import { uplinkSettingsSchema } from './uplink/settings.ts';

/** Every setting of the gateway. Each may also be given as HOLDFAST_… in the environment. */
export const gatewaySettingsSchema = z.strictObject({
  /** Everything that the gateway keeps: its buffer and its identity. */
  dataDir: z.string().default('/var/lib/holdfast/gateway'),
  logLevel: z.enum(LOG_LEVELS).default('info'),
  /** The gateway's own pages and /readyz, /metrics. Loopback only. */
  pages: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8070),
    })
    .prefault({}),
  tracing: tracingSettingsSchema,
  mqtt: brokerSettingsSchema,
  buffer: bufferSettingsSchema.prefault({}),
  uplink: uplinkSettingsSchema.prefault({}),
});

export type GatewaySettings = z.infer<typeof gatewaySettingsSchema>;
