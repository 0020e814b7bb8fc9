import { z } from 'zod';
import { AUDIT_EVENTS } from './events/audit.ts';
import { INVENTORY_EVENTS } from './events/inventory.ts';
import { ORDER_EVENTS } from './events/order.ts';
import { PAYMENT_EVENTS } from './events/payment.ts';
import { PRODUCT_EVENTS } from './events/product.ts';
import { LANES } from './lanes.ts';
import type { Topic } from './topics.ts';

const count = z.int().min(0);

/**
 * One lane's conservation ledger (I3): accepted = delivered + parked + condensed + dropped +
 * damaged + pending.
 */
export const laneLedgerSchema = z.strictObject({
  lane: z.enum(LANES),
  accepted: count,
  delivered: count,
  parked: count,
  condensed: count,
  dropped: count,
  damaged: count,
  pending: count,
  /** Pending below the line that was drawn at the last Welcome. */
  backlog: count,
  unkeyed: count,
  duplicates: count,
});
export type LaneLedger = z.infer<typeof laneLedgerSchema>;

const gatewayConnected = z.strictObject({
  gatewayId: z.string(),
  site: z.string(),
  incarnation: z.string(),
  softwareVersion: z.string(),
});
const gatewayReported = z.strictObject({
  gatewayId: z.string(),
  site: z.string(),
  incarnation: z.string(),
  bufferBytes: count,
  connectedDevices: count,
  lanes: z.array(laneLedgerSchema),
});
const gatewayDisconnected = z.strictObject({
  gatewayId: z.string(),
  site: z.string(),
  incarnation: z.string(),
  reason: z.enum(['closed', 'lost', 'replaced', 'draining']),
});
const gatewayFenced = z.strictObject({
  gatewayId: z.string(),
  site: z.string(),
  incarnation: z.string(),
  reason: z.enum(['turn', 'position']),
});

/** Nothing that this gateway says counts any more, whatever its certificate says. */
const gatewayRevoked = z.strictObject({ gatewayId: z.string(), site: z.string() });

/**
 * JSON events by type. Schemas are exported to proto/events; a test fails when the export is stale
 * or breaks its predecessor.
 */
export const EVENTS = {
  'gateway.connected.v1': { topic: 'gateways', data: gatewayConnected },
  'gateway.reported.v1': { topic: 'gateways', data: gatewayReported },
  'gateway.disconnected.v1': { topic: 'gateways', data: gatewayDisconnected },
  'gateway.fenced.v1': { topic: 'gateways', data: gatewayFenced },
  'gateway.revoked.v1': { topic: 'gateway.revocations', data: gatewayRevoked },
  ...PRODUCT_EVENTS,
  ...INVENTORY_EVENTS,
  ...PAYMENT_EVENTS,
  ...ORDER_EVENTS,
  ...AUDIT_EVENTS,
} as const satisfies Record<string, { topic: Topic; data: z.ZodType }>;

export type EventType = keyof typeof EVENTS;
export type EventData<T extends EventType> = z.infer<(typeof EVENTS)[T]['data']>;

/**
 * A block as it came from the gateway: the value is the bytes of holdfast.edge.v1.Block, not JSON.
 */
export const BATCH_EVENT_TYPE = 'telemetry.batch_received.v1';
export const BATCH_CONTENT_TYPE = 'application/protobuf';
export const BATCH_DATA_SCHEMA = 'urn:holdfast:proto:holdfast.edge.v1.Block';

/** Beside the envelope's headers, what a consumer needs of a block without reading it. */
export const SITE_HEADER = 'holdfast_site';
/** Hexadecimal. */
export const CHECKSUM_HEADER = 'holdfast_checksum';
/**
 * `1` on a block that was accepted after its gateway's last Hello: it may go before what was left
 * from earlier, since positions are ranges and the latest values go by sequence.
 */
export const LIVE_HEADER = 'holdfast_live';
