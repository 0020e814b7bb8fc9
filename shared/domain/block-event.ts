import { type EventEnvelope, envelopeFromHeaders } from '../contracts/event-envelope.ts';
import { BATCH_EVENT_TYPE, SITE_HEADER } from '../contracts/events.ts';
import { Block, BlockForm } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { type Lane, laneFromWire } from '../contracts/lanes.ts';
import { AssertionError } from '../lib/assert.ts';
import { blockChecksum } from '../lib/block-checksum.ts';
import { messageOf } from '../lib/message-of.ts';
import {
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  rangeOf,
  type SequenceRange,
} from './ranges.ts';
import { MICROS_MAX } from './reading-time.ts';

/** Where records came from. Sequences are comparable within one stream only. */
export interface StreamKey {
  readonly tenant: string;
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
}

export type GatewayKey = Pick<StreamKey, 'tenant' | 'gatewayId'>;

/** Sequences stay below this, as times do. */
export const SEQUENCE_MAX = BigInt(MICROS_MAX);

/** Where an event stands in the log, and its bytes. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly body: Uint8Array;
}

/** A block that was read: its place, and what its consumer made of it. */
export interface OpenedContent<C> {
  /** The name of its stream, for maps. */
  readonly stream: string;
  readonly key: StreamKey;
  readonly site: string;
  readonly range: SequenceRange;
  readonly recordCount: number;
  /** `condensed`: it holds summaries that stand for `recordCount` messages. */
  readonly form: 'raw' | 'condensed';
  readonly content: C;
  /** When edge-link appended it, microseconds since 1970. */
  readonly eventAt: bigint;
  readonly origin: Origin;
}

export const PARK_REASONS = [
  /** The envelope or the block's head cannot be read, or they contradict each other. */
  'unreadable',
  'checksum',
  /** The checksum is right, but there are no records to be had from it. */
  'undecodable',
  'partly_covered',
  /** The database refused what came out of it. */
  'refused',
] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** A block that takes no effect: kept as it came, with what is known of it. */
export interface ParkedBlock {
  readonly reason: ParkReason;
  readonly detail: string;
  readonly origin: Origin;
  readonly recordCount: number;
  readonly key?: Partial<StreamKey>;
  readonly firstSequence?: bigint;
}

export type OpenedBlock<C> =
  | { readonly kind: 'block'; readonly block: OpenedContent<C> }
  | { readonly kind: 'parked'; readonly parked: ParkedBlock }
  /** All of it is held already: not looked into. */
  | { readonly kind: 'repeat'; readonly recordCount: number };

/** What is held, by the name of the stream. */
export type Held = ReadonlyMap<string, PositionSet>;

/** Of which stream a block is, and of which site. */
export interface BlockSource {
  readonly key: StreamKey;
  readonly site: string;
}

export interface OpenOptions<C> {
  readonly held: Held;
  /** Makes content of a block whose checksum fits; what it throws parks the block. */
  readonly read: (block: Block, from: BlockSource) => C;
}

/**
 * Reads an event of `telemetry.batches`, unless `held` covers it. What cannot be read is an outcome
 * with its reason: it never throws.
 */
export function openBlockEvent<C>(
  headers: Readonly<Record<string, string>>,
  origin: Origin,
  { held, read }: OpenOptions<C>,
): OpenedBlock<C> {
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
  const content = attempt('undecodable', origin, () => read(block, { key, site: rest.site }));
  if (content.kind === 'parked') return { kind: 'parked', parked: { ...content.parked, ...known } };
  const form = block.form === BlockForm.BLOCK_FORM_CONDENSED ? 'condensed' : 'raw';
  const { value } = content;
  const { count: recordCount } = block;
  return {
    kind: 'block',
    block: { ...rest, key, range, recordCount, form, content: value, origin },
  };
}

/** Whose event this is; undefined when its headers name nobody who can have a stream. */
export function gatewayOf(headers: Readonly<Record<string, string>>): GatewayKey | undefined {
  const { ce_tenant: tenant, ce_subject: subject } = headers;
  const gatewayId = subject?.split('/')[0];
  if (!tenant || !gatewayId || tenant.includes('\0') || gatewayId.includes('\0')) return undefined;
  return { tenant, gatewayId };
}

export function streamName(key: StreamKey): string {
  return `${key.tenant}\0${key.gatewayId}\0${key.incarnation}\0${key.lane}`;
}

/** A block of which some sequences are held already. */
export function overlapOf({
  key,
  range,
  recordCount,
  origin,
}: Pick<OpenedContent<unknown>, 'key' | 'range' | 'recordCount' | 'origin'>): ParkedBlock {
  return {
    reason: 'partly_covered',
    detail: `sequences ${range.first} to ${range.last} are held in part`,
    origin,
    recordCount,
    key,
    firstSequence: range.first,
  };
}

/** Why an event cannot be read; caught where it becomes an outcome. */
export class Unreadable extends Error {}

interface Head {
  readonly key: StreamKey;
  readonly stream: string;
  readonly site: string;
  readonly eventAt: bigint;
  readonly block: Block;
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
  return { key, stream: streamName(key), site, eventAt, block };
}

/**
 * The subject was made by edge-link from the gateway's certificate; the block must say the same.
 */
function streamOf({ tenant, subject }: EventEnvelope, block: Block): StreamKey {
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

type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'parked'; readonly parked: ParkedBlock };

function attempt<T>(reason: ParkReason, origin: Origin, read: () => T): Attempt<T> {
  try {
    return { kind: 'done', value: read() };
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    const detail = messageOf(error);
    return { kind: 'parked', parked: { reason, detail, origin, recordCount: 0 } };
  }
}
