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
  /** Where the cloud answers now, when that is another place than at enrolment. */
  cloud: z
    .strictObject({
      /** Its HTTP, for renewals: `https://host:port`. */
      url: z.url({ protocol: /^https$/ }).optional(),
      /** Its end of gateways' streams: `host:port`. */
      grpcUrl: z.string().min(1).optional(),
    })
    .prefault({}),
  tracing: tracingSettingsSchema,
  mqtt: brokerSettingsSchema.prefault({}),
  buffer: bufferSettingsSchema.prefault({}),
  uplink: uplinkSettingsSchema.prefault({}),
});

export type GatewaySettings = z.infer<typeof gatewaySettingsSchema>;
