import { LOG_LEVELS } from '@holdfast/shared/runtime/logger.ts';
import { tracingSettingsSchema } from '@holdfast/shared/runtime/tracing-settings.ts';
import { z } from 'zod';
import { authSettingsSchema } from './auth/settings.ts';
import { edgeLinkSettingsSchema } from './edge-link/settings.ts';
import { graphSettingsSchema } from './graph/settings.ts';
import { inventorySettingsSchema } from './inventory/settings.ts';
import { orderSettingsSchema } from './order/settings.ts';
import { paymentSettingsSchema } from './payment/settings.ts';
import { paymentSandboxSettingsSchema } from './payment-sandbox/settings.ts';
import { rateLimitSettingsSchema } from './platform/http/rate-limit.ts';
import { productSettingsSchema } from './product/settings.ts';
import { telemetrySettingsSchema } from './telemetry/settings.ts';

const port = z.int().min(0).max(65_535);
/** Where a peer's internal listener is, when the peer runs in another process. */
const grpcPeer = z
  .string()
  .regex(/^[^\s/]+:\d{1,5}$/, 'host:port')
  .default('127.0.0.1:8091');

/** Every setting of the cloud. Each may also be given as HOLDFAST_… in the environment. */
export const cloudSettingsSchema = z.strictObject({
  /** Everything that this process keeps on this machine. */
  dataDir: z.string().default('/var/lib/holdfast/cloud'),
  logLevel: z.enum(LOG_LEVELS).default('info'),
  region: z.string().min(1).max(64).default('local'),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: port.default(8080),
      /** Names and addresses in the listener's certificate, beside loopback's. */
      names: z.array(z.string()).default([]),
      rateLimits: rateLimitSettingsSchema,
    })
    .prefault({}),
  sql: z
    .strictObject({
      /** `postgres://user:password@host:port/database`; without it SQLite in dataDir is used. */
      secretUrl: z.string().optional(),
      poolMax: z.int().min(1).max(100).default(8),
    })
    .prefault({}),
  eventLog: z
    .strictObject({
      /** May be shared by several processes of this machine; `<dataDir>/event-log` when absent. */
      dir: z.string().optional(),
      leaseMs: z.int().min(500).max(60_000).default(2_000),
    })
    .prefault({}),
  objects: z
    .strictObject({
      /** May be shared by several processes of this machine; `<dataDir>/objects` when absent. */
      dir: z.string().optional(),
    })
    .prefault({}),
  secrets: z
    .strictObject({
      /** May be shared by several processes of this machine; `<dataDir>/secrets` when absent. */
      dir: z.string().optional(),
    })
    .prefault({}),
  peers: z
    .strictObject({
      /** Where the target `auth` answers when it runs in another process. */
      auth: z.url().default('http://127.0.0.1:8080'),
      product: grpcPeer,
      inventory: grpcPeer,
      payment: grpcPeer,
      audit: grpcPeer,
    })
    .prefault({}),
  /** Where services of other processes call those of this one; off loopback only by TLS. */
  internal: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: port.default(8091) })
    .prefault({}),
  tracing: tracingSettingsSchema,
  auth: authSettingsSchema,
  edgeLink: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: port.default(8090),
      /** Where gateways reach it, `host:port`; 127.0.0.1 and the port when absent. */
      publicUrl: z.string().optional(),
      ...edgeLinkSettingsSchema.shape,
    })
    .prefault({}),
  telemetry: telemetrySettingsSchema,
  graph: graphSettingsSchema,
  inventory: inventorySettingsSchema,
  product: productSettingsSchema,
  payment: paymentSettingsSchema,
  paymentSandbox: paymentSandboxSettingsSchema,
  order: orderSettingsSchema,
});

export type CloudSettings = z.infer<typeof cloudSettingsSchema>;
