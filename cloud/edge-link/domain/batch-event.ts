import {
  type EventEnvelope,
  envelopeToHeaders,
} from '@holdfast/shared/contracts/event-envelope.ts';
import {
  BATCH_CONTENT_TYPE,
  BATCH_DATA_SCHEMA,
  BATCH_EVENT_TYPE,
  CHECKSUM_HEADER,
  LIVE_HEADER,
  SITE_HEADER,
} from '@holdfast/shared/contracts/events.ts';
import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';

/** Which block an event carries: everything that positions need, without the block's bytes. */
export interface BatchIdentity {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly range: SequenceRange;
  /** Hexadecimal. */
  readonly checksum: string;
}

export interface BatchOrigin {
  /** Accepted after the gateway's last Hello: consumers may take it before the backlog. */
  readonly live: boolean;
  readonly peer: GatewayName;
  readonly region: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly traceparent: string;
}

/** A gateway's lane keeps its partition, and so its order. */
export function batchKey(gatewayId: string, lane: Lane): string {
  return `${gatewayId}/${lane}`;
}

export function batchHeaders(batch: BatchIdentity, origin: BatchOrigin): Record<string, string> {
  const { gatewayId, incarnation, lane, range } = batch;
  const subject = `${gatewayId}/${incarnation}/${lane}`;
  const envelope: EventEnvelope = {
    specversion: '1.0',
    id: `${subject}/${range.first}-${range.last}`,
    source: 'edge-link',
    type: BATCH_EVENT_TYPE,
    subject,
    time: new Date(origin.timeMs).toISOString(),
    datacontenttype: BATCH_CONTENT_TYPE,
    dataschema: BATCH_DATA_SCHEMA,
    tenant: origin.peer.tenant,
    region: origin.region,
    sequence: String(range.first),
    ...(origin.traceparent ? { traceparent: origin.traceparent } : {}),
  };
  return {
    ...envelopeToHeaders(envelope),
    [SITE_HEADER]: origin.peer.site,
    [CHECKSUM_HEADER]: batch.checksum,
    ...(origin.live ? { [LIVE_HEADER]: '1' } : {}),
  };
}

const ID = /^([^/]+)\/([^/]+)\/([^/]+)\/([1-9][0-9]*)-([1-9][0-9]*)$/;

/** Undefined when the headers are not those of a batch. */
export function batchOf(headers: Readonly<Record<string, string>>): BatchIdentity | undefined {
  const match = ID.exec(headers['ce_id'] ?? '');
  const checksum = headers[CHECKSUM_HEADER];
  const lane = LANES.find((name) => name === match?.[3]);
  if (!match || !checksum || !lane || headers['ce_type'] !== BATCH_EVENT_TYPE) return undefined;
  const range = { first: BigInt(match[4]!), last: BigInt(match[5]!) };
  if (range.last < range.first) return undefined;
  return { gatewayId: match[1]!, incarnation: match[2]!, lane, range, checksum };
}
