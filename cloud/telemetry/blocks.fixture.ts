import { envelopeToHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import {
  BATCH_CONTENT_TYPE,
  BATCH_DATA_SCHEMA,
  BATCH_EVENT_TYPE,
  LIVE_HEADER,
  SITE_HEADER,
} from '@holdfast/shared/contracts/events.ts';
import {
  Block,
  BlockForm,
  type Block as BlockMessage,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { type Lane, laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { type CondensedSeries, encodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import { type BodyRecord, compressBody, encodeBody } from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import type { LogBatch, LogEvent, LogRecord } from '../platform/event-log/event-log.ts';

/** 2026-01-01T00:00:00Z, microseconds: when the blocks' first record was received. */
export const BEGIN = Date.UTC(2026, 0, 1) * 1000;

export interface Message {
  readonly device?: string;
  readonly channel?: string;
  readonly payload: unknown;
  /** Microseconds after BEGIN. */
  readonly atMicros?: number;
}

export interface BlockOptions {
  readonly first?: number;
  readonly gatewayId?: string;
  readonly incarnation?: string;
  readonly lane?: Lane;
  readonly tenant?: string;
  readonly site?: string;
  readonly traceparent?: string;
  readonly live?: boolean;
  /** Changes the block before it is checksummed, or after. */
  readonly forge?: Partial<BlockMessage>;
  readonly spoil?: Partial<BlockMessage>;
}

/** A block of these messages as edge-link appends it to the log. */
export function blockRecord(messages: readonly Message[], options: BlockOptions = {}): LogRecord {
  const { first = 1, gatewayId = 'gw_1', incarnation = '01a', lane = 'telemetry' } = options;
  const { codec, bytes } = compressBody(encodeBody(messages.map(recordOf)));
  const block: BlockMessage = {
    incarnation,
    lane: laneToWire(lane),
    firstSequence: BigInt(first),
    count: messages.length,
    form: BlockForm.BLOCK_FORM_RAW,
    codec,
    body: Buffer.from(bytes),
    checksum: Buffer.alloc(0),
    traceparent: '',
  };
  Object.assign(block, options.forge);
  block.checksum = blockChecksum(block);
  Object.assign(block, options.spoil);
  const subject = `${gatewayId}/${incarnation}/${lane}`;
  const headers = envelopeToHeaders({
    specversion: '1.0',
    id: `${subject}/${first}-${first + messages.length - 1}`,
    source: 'edge-link',
    type: BATCH_EVENT_TYPE,
    subject,
    time: new Date(BEGIN / 1000).toISOString(),
    datacontenttype: BATCH_CONTENT_TYPE,
    dataschema: BATCH_DATA_SCHEMA,
    tenant: options.tenant ?? 'dev',
    region: 'local',
    sequence: String(first),
    ...(options.traceparent ? { traceparent: options.traceparent } : {}),
  });
  return {
    key: `${gatewayId}/${lane}`,
    headers: {
      ...headers,
      [SITE_HEADER]: options.site ?? 'site-1',
      ...(options.live ? { [LIVE_HEADER]: '1' } : {}),
    },
    value: Block.encode(block).finish(),
  };
}

/** A block in which a gateway gives these summaries for `count` messages. */
export function condensedRecord(
  series: readonly CondensedSeries[],
  { count, ...options }: BlockOptions & { readonly count: number },
): LogRecord {
  const { codec, bytes } = compressBody(encodeCondensed(series, BigInt(options.first ?? 1)));
  const form = BlockForm.BLOCK_FORM_CONDENSED;
  return blockRecord([], { ...options, forge: { form, count, codec, body: Buffer.from(bytes) } });
}

/** Records as a partition delivers them. */
export function batchOf(records: readonly LogRecord[], fromOffset = 0): LogBatch {
  const topic = 'telemetry.batches';
  const events: LogEvent[] = records.map((record, index) => ({
    ...record,
    topic,
    partition: 0,
    offset: BigInt(fromOffset + index),
  }));
  return { topic, partition: 0, events, leaseEpoch: 1n };
}

/** One stretch of one boot, as long as a stretch may be. */
const STRETCH_MICROS = 4_000_000_000;

function recordOf({ device = 'cold-01', channel, payload, atMicros = 0 }: Message): BodyRecord {
  const base = atMicros - (atMicros % STRETCH_MICROS);
  const name = channel === undefined ? 'event' : `telemetry/${channel}`;
  return {
    topic: `devices/${device}/${name}`,
    device,
    channel,
    payload: payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload)),
    epoch: {
      bootId: 'boot',
      baseMonotonicMicros: BigInt(base),
      offsetMicros: BigInt(BEGIN),
      confirmed: true,
    },
    elapsedMicros: atMicros - base,
    qos: 1,
    retain: false,
  };
}
