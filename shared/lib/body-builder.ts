import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ClockEpoch } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { assert } from './assert.ts';
import {
  type BodyContent,
  type BodyEpoch,
  type DecodedBody,
  ELAPSED_MICROS_MAX,
  FIELD,
  KEYED_FLAG,
  RETAIN_FLAG,
  type ReceiveTime,
} from './body-layout.ts';
import { releaseBytes } from './release-bytes.ts';
import { VarintColumn } from './varint-column.ts';

/**
 * What a record takes at most beside its payload and names: nine varints and its share of prefixes.
 */
const RECORD_BYTES_MAX = 40;
/** What a name takes beside its text: tag and length. */
const NAME_BYTES_MAX = 4;
/** A UTF-16 unit takes at most three bytes of UTF-8. */
const UTF8_BYTES_MAX = 3;
const EPOCH_BYTES_MAX = 40;
const PREFIX_BYTES_MAX = 64;
const PAYLOADS_BYTES_FIRST = 1024;
const PAYLOADS_BYTES_KEPT_MAX = 64 * 1024;

/**
 * Takes records one by one and writes them by column. Who writes many bodies clears one builder:
 * what is thrown away with each lies outside V8's heap, and would wait there for its collector.
 */
export class BodyBuilder {
  readonly #names = new Map<string, number>([['', 0]]);
  readonly #epochs: BodyEpoch[] = [];
  readonly #topic = new VarintColumn();
  readonly #device = new VarintColumn();
  readonly #channel = new VarintColumn();
  readonly #epoch = new VarintColumn();
  readonly #elapsed = new VarintColumn();
  readonly #flags = new VarintColumn();
  /** Copied at once: an object for each payload that waits for the group would cost more. */
  #payloads = Buffer.allocUnsafe(PAYLOADS_BYTES_FIRST);
  #payloadsEnd = 0;
  #count = 0;
  readonly #payloadBytes = new VarintColumn();
  readonly #keyBoot = new VarintColumn();
  readonly #keySequence = new VarintColumn();
  #lastEpoch = 0;
  #bytesMax = PREFIX_BYTES_MAX;

  get count(): number {
    return this.#count;
  }

  /** `encode` gives no more than this. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  add(record: BodyContent, { epoch, elapsedMicros }: ReceiveTime): void {
    const { payload, key } = record;
    assert(elapsedMicros <= ELAPSED_MICROS_MAX, 'a stretch is shorter than 2^32 µs');
    this.#topic.push(this.#nameIndex(record.topic));
    this.#device.push(this.#nameIndex(record.device ?? ''));
    this.#channel.push(this.#nameIndex(record.channel ?? ''));
    this.#epoch.push(this.#epochIndex(epoch));
    this.#elapsed.push(elapsedMicros);
    this.#flags.push(record.qos | (record.retain ? RETAIN_FLAG : 0) | (key ? KEYED_FLAG : 0));
    this.#copyPayload(payload);
    this.#payloadBytes.push(payload.byteLength);
    if (key) {
      this.#keyBoot.push(this.#nameIndex(key.boot));
      this.#keySequence.pushBig(key.sequence);
    }
    this.#bytesMax += RECORD_BYTES_MAX + payload.byteLength;
  }

  addAll(body: DecodedBody): void {
    for (let index = 0; index < body.count; index++) {
      const record = body.record(index);
      this.add(record, record);
    }
  }

  /** The body, alone in its memory: it can move to another thread. */
  encode(): Buffer {
    const head = new BinaryWriter();
    for (const name of this.#names.keys())
      head.tag(FIELD.names, WireType.LengthDelimited).string(name);
    for (const epoch of this.#epochs)
      ClockEpoch.encode(epoch, head.tag(FIELD.epochs, WireType.LengthDelimited).fork()).join();
    return joined([
      head.finish(),
      ...packed(FIELD.topic, this.#topic),
      ...packed(FIELD.device, this.#device),
      ...packed(FIELD.channel, this.#channel),
      ...packed(FIELD.epoch, this.#epoch),
      ...packed(FIELD.elapsed, this.#elapsed),
      ...packed(FIELD.flags, this.#flags),
      prefix(FIELD.payloads, this.#payloadsEnd),
      this.#payloads.subarray(0, this.#payloadsEnd),
      ...packed(FIELD.payloadBytes, this.#payloadBytes),
      ...packed(FIELD.keyBoot, this.#keyBoot),
      ...packed(FIELD.keySequence, this.#keySequence),
    ]);
  }

  /** Begins another body in the memory of this one; what is large of it is given back. */
  clear(): void {
    this.#names.clear();
    this.#names.set('', 0);
    this.#epochs.length = 0;
    for (const column of this.#columns()) column.clear();
    if (this.#payloads.byteLength > PAYLOADS_BYTES_KEPT_MAX) {
      releaseBytes(this.#payloads);
      this.#payloads = Buffer.allocUnsafe(PAYLOADS_BYTES_FIRST);
    }
    this.#payloadsEnd = 0;
    this.#count = 0;
    this.#lastEpoch = 0;
    this.#bytesMax = PREFIX_BYTES_MAX;
  }

  #columns(): readonly VarintColumn[] {
    return [
      this.#topic,
      this.#device,
      this.#channel,
      this.#epoch,
      this.#elapsed,
      this.#flags,
      this.#payloadBytes,
      this.#keyBoot,
      this.#keySequence,
    ];
  }

  #copyPayload(payload: Uint8Array): void {
    const end = this.#payloadsEnd + payload.byteLength;
    if (end > this.#payloads.byteLength) {
      // Not of Node's pool, so that it can be given back.
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.#payloads.byteLength * 2));
      this.#payloads.copy(grown, 0, 0, this.#payloadsEnd);
      releaseBytes(this.#payloads);
      this.#payloads = grown;
    }
    this.#payloads.set(payload, this.#payloadsEnd);
    this.#payloadsEnd = end;
    this.#count += 1;
  }

  #nameIndex(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const index = this.#names.size;
    this.#names.set(name, index);
    this.#bytesMax += nameBytesMax(name);
    return index;
  }

  #epochIndex(epoch: BodyEpoch): number {
    // Records of one stretch follow each other.
    if (this.#epochs[this.#lastEpoch] === epoch) return this.#lastEpoch;
    const known = this.#epochs.findLastIndex((held) => sameEpoch(held, epoch));
    if (known < 0) this.#bytesMax += epochBytesMax(epoch);
    this.#lastEpoch = known < 0 ? this.#epochs.push(epoch) - 1 : known;
    return this.#lastEpoch;
  }
}

/** What the record adds to a body at most, with none of its names there yet. */
export function recordBytesMax(record: BodyContent, { epoch }: ReceiveTime): number {
  const names = nameBytesMax(record.topic) + nameBytesMax(record.device ?? '');
  const more = nameBytesMax(record.channel ?? '') + nameBytesMax(record.key?.boot ?? '');
  return RECORD_BYTES_MAX + record.payload.byteLength + names + more + epochBytesMax(epoch);
}

function nameBytesMax(name: string): number {
  return NAME_BYTES_MAX + name.length * UTF8_BYTES_MAX;
}

function epochBytesMax(epoch: BodyEpoch): number {
  return EPOCH_BYTES_MAX + epoch.bootId.length * UTF8_BYTES_MAX;
}

function sameEpoch(a: BodyEpoch, b: BodyEpoch): boolean {
  return (
    a.bootId === b.bootId &&
    a.baseMonotonicMicros === b.baseMonotonicMicros &&
    a.offsetMicros === b.offsetMicros &&
    a.confirmed === b.confirmed
  );
}

function joined(pieces: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

function packed(field: number, column: VarintColumn): readonly Uint8Array[] {
  const bytes = column.bytes();
  return [prefix(field, bytes.byteLength), bytes];
}

/** Tag and length of a length-delimited field. Every field number here fits the tag's one byte. */
function prefix(field: number, length: number): Uint8Array {
  const column = new VarintColumn(16);
  column.push((field << 3) | WireType.LengthDelimited);
  column.push(length);
  return column.bytes();
}
