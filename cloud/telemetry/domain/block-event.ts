import {
  type EventEnvelope,
  envelopeFromHeaders,
} from '@holdfast/shared/contracts/event-envelope.ts';
import { BATCH_EVENT_TYPE, SITE_HEADER } from '@holdfast/shared/contracts/events.ts';
import {
  Block,
  BlockForm,
  type Block as BlockMessage,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { decodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import {
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  rangeOf,
} from '@holdfast/shared/domain/ranges.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';

import { readingsOf } from './block-readings.ts';
import { condensedReadings } from './condensed-readings.ts';
import { boundedName } from './names.ts';
import { SEQUENCE_MAX, type StreamKey } from './reading.ts';
import {
  type Origin,
  type ParkedBlock,
  type ParkReason,
  type ReceivedBlock,
  streamName,
} from './received-block.ts';

export type OpenedBlock =
  | { readonly kind: 'block'; readonly block: ReceivedBlock }
  | { readonly kind: 'parked'; readonly parked: ParkedBlock }
  /** All of it is held already: not looked into. */
  | { readonly kind: 'repeat'; readonly recordCount: number };

/** What is held, by the name of the stream. */
export type Held = ReadonlyMap<string, PositionSet>;

/**
 * Reads an event of `telemetry.batches`, unless `held` covers it. What cannot be read is an outcome
 * with its reason: it never throws.
 */
export function openBlockEvent(
  headers: Readonly<Record<string, string>>,
  origin: Origin,
  held: Held = new Map(),
): OpenedBlock {
  const head = attempt('unreadable', origin, () => readHead(headers, origin));
  if (head.kind === 'parked') return head;
  const { key, block, ...rest } = head.value;
  const range = rangeOf(block.firstSequence, block.count);
  if (coverage(held.get(rest.stream) ?? EMPTY_POSITION, range) === 'covered')
    return { kind: 'repeat', recordCount: block.count };
  const known = { key, firstSequence: block.firstSequence, recordCount: block.count };
  if (!blockChecksum(block).equals(block.checksum)) {
    const detail = 'the checksum does not fit the bytes';
    return { kind: 'parked', parked: { reason: 'checksum', detail, origin, ...known } };
  }
  const series = attempt('undecodable', origin, () => readBody(head.value));
  if (series.kind === 'parked') return { kind: 'parked', parked: { ...series.parked, ...known } };
  return {
    kind: 'block',
    block: {
      ...rest,
      key,
      range,
      recordCount: block.count,
      form: block.form === BlockForm.BLOCK_FORM_CONDENSED ? 'condensed' : 'raw',
      series: series.value,
      origin,
    },
  };
}

/** Whose event this is; undefined when its headers name nobody who can have a stream. */
export function gatewayOf(headers: Readonly<Record<string, string>>): GatewayKey | undefined {
  const { ce_tenant: tenant, ce_subject: subject } = headers;
  const gatewayId = subject?.split('/')[0];
  if (!tenant || !gatewayId || tenant.includes('\0') || gatewayId.includes('\0')) return undefined;
  return { tenant, gatewayId };
}

export type GatewayKey = Pick<StreamKey, 'tenant' | 'gatewayId'>;

interface Head {
  readonly key: StreamKey;
  readonly stream: string;
  readonly site: string;
  readonly eventAt: bigint;
  readonly block: BlockMessage;
}

function readHead(headers: Readonly<Record<string, string>>, { body }: Origin): Head {
  const envelope = envelopeFromHeaders(headers);
  if (envelope.type !== BATCH_EVENT_TYPE) throw new Unreadable(`the type is ${envelope.type}`);
  const site = headers[SITE_HEADER];
  if (!site) throw new Unreadable(`the header ${SITE_HEADER} is missing`);
  const block = Block.decode(body);
  const key = streamOf(envelope, block);
  if (block.count < 1) throw new Unreadable('it stands for no record');
  if (block.firstSequence < 1n || block.firstSequence + BigInt(block.count) > SEQUENCE_MAX) {
    throw new Unreadable(`sequence ${block.firstSequence} is out of range`);
  }
  const eventAt = BigInt(Date.parse(envelope.time)) * 1000n;
  return { key, stream: streamName(key), site: boundedName(site), eventAt, block };
}

/**
 * The subject was made by edge-link from the gateway's certificate; the block must say the same.
 */
function streamOf({ tenant, subject }: EventEnvelope, block: BlockMessage): StreamKey {
  const [gatewayId, incarnation, laneName, ...more] = subject.split('/');
  const lane = laneFromWire(block.lane);
  if (!gatewayId || !incarnation || more.length > 0) {
    throw new Unreadable('the subject names no stream');
  }
  if (subject.includes('\0') || tenant.includes('\0')) throw new Unreadable('a name holds U+0000');
  if (lane === undefined || lane !== laneName || block.incarnation !== incarnation) {
    throw new Unreadable('the block is of another stream than its subject');
  }
  return { tenant, gatewayId, incarnation, lane };
}

function readBody({ block, key }: Head): ReceivedBlock['series'] {
  if (block.form === BlockForm.BLOCK_FORM_CONDENSED) return readCondensed(block);
  if (block.form !== BlockForm.BLOCK_FORM_RAW)
    throw new Unreadable(`form ${block.form} is unknown`);
  const body = decodeBody(decompressBody(block.codec, block.body));
  if (body.count !== block.count) {
    throw new Unreadable(`it holds ${body.count} records and claims ${block.count}`);
  }
  return readingsOf(body, { lane: key.lane, firstSequence: Number(block.firstSequence) });
}

function readCondensed(block: BlockMessage): ReceivedBlock['series'] {
  return condensedReadings(decodeCondensed(decompressBody(block.codec, block.body), block));
}

/** Why an event cannot be read; caught where it becomes an outcome. */
class Unreadable extends Error {}

type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'parked'; readonly parked: ParkedBlock };

function attempt<T>(reason: ParkReason, origin: Origin, read: () => T): Attempt<T> {
  try {
    return { kind: 'done', value: read() };
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    return { kind: 'parked', parked: { reason, detail, origin, recordCount: 0 } };
  }
}
