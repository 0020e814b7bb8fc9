import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ClockEpoch } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from './app-error.ts';
import { assert } from './assert.ts';
import {
  BODY_RECORDS_MAX,
  type BodyEpoch,
  type DecodedBody,
  FIELD,
  KEYED_FLAG,
  malformed,
  QOS_MASK,
  RETAIN_FLAG,
} from './body-layout.ts';
import { readUint32Column, readUint64Column } from './varint-column.ts';

/** Throws STORE_DAMAGED unless the bytes are a BlockBody that keeps its own rules. */
export function readBody(bytes: Uint8Array): DecodedBody {
  try {
    return checkedBody(readFields(bytes));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw malformed('it is no protobuf message', cause);
  }
}

interface BodyFields {
  readonly names: string[];
  readonly epochs: BodyEpoch[];
  /** The bytes of each other field, by number. */
  readonly bytes: Map<number, Uint8Array>;
}

function readFields(bytes: Uint8Array): BodyFields {
  const reader = new BinaryReader(bytes);
  const fields: BodyFields = { names: [], epochs: [], bytes: new Map() };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) {
      // A later version's field. Ours are all length-delimited: packed columns, bytes and messages.
      if (field <= FIELD.keySequence) throw malformed(`field ${field} has wire type ${wireType}`);
      reader.skip(wireType, field);
    } else if (field === FIELD.names) fields.names.push(reader.string());
    else if (field === FIELD.epochs) fields.epochs.push(ClockEpoch.decode(reader.bytes()));
    else {
      const part = reader.bytes();
      const before = fields.bytes.get(field);
      fields.bytes.set(field, before ? Buffer.concat([before, part]) : part);
    }
  }
  return fields;
}

function checkedBody(fields: BodyFields): DecodedBody {
  const { names, epochs } = fields;
  const flags = uint32s(fields, FIELD.flags);
  const count = flags.length;
  if (count > BODY_RECORDS_MAX) throw malformed(`it has ${count} records`);
  const column = (field: number, limit: number): Uint32Array => {
    const values = uint32s(fields, field);
    if (values.length !== count) throw malformed(`field ${field} has ${values.length} entries`);
    if (values.some((value) => value >= limit)) throw malformed(`field ${field} has a wrong index`);
    return values;
  };
  if (count > 0 && names[0] !== '') throw malformed('name 0 is not empty');
  return bodyOf({
    names,
    epochs,
    flags,
    topic: column(FIELD.topic, names.length),
    device: column(FIELD.device, names.length),
    channel: column(FIELD.channel, names.length),
    epoch: column(FIELD.epoch, epochs.length),
    elapsed: column(FIELD.elapsed, Number.POSITIVE_INFINITY),
    payloads: fields.bytes.get(FIELD.payloads) ?? new Uint8Array(),
    payloadEnd: payloadEnds(fields, column(FIELD.payloadBytes, Number.POSITIVE_INFINITY)),
    ...checkedKeys(fields, flags),
  });
}

interface Columns {
  readonly names: readonly string[];
  readonly epochs: readonly BodyEpoch[];
  readonly topic: Uint32Array;
  readonly device: Uint32Array;
  readonly channel: Uint32Array;
  readonly epoch: Uint32Array;
  readonly elapsed: Uint32Array;
  readonly flags: Uint32Array;
  readonly payloads: Uint8Array;
  readonly payloadEnd: Float64Array;
  readonly keyAt: Uint32Array;
  readonly keyBoot: Uint32Array;
  readonly keySequence: BigUint64Array;
}

function bodyOf(columns: Columns): DecodedBody {
  const { names, flags, payloadEnd } = columns;
  const optional = (index: number): string | undefined => (index === 0 ? undefined : names[index]);
  return {
    count: flags.length,
    epochs: columns.epochs,
    record(index) {
      assert(index >= 0 && index < flags.length, 'a record of the body');
      const flag = flags[index]!;
      const keyAt = columns.keyAt[index]!;
      return {
        topic: names[columns.topic[index]!]!,
        device: optional(columns.device[index]!),
        channel: optional(columns.channel[index]!),
        payload: columns.payloads.subarray(payloadEnd[index]!, payloadEnd[index + 1]!),
        epoch: columns.epochs[columns.epoch[index]!]!,
        elapsedMicros: columns.elapsed[index]!,
        qos: (flag & QOS_MASK) as 0 | 1 | 2,
        retain: (flag & RETAIN_FLAG) !== 0,
        key:
          (flag & KEYED_FLAG) === 0
            ? undefined
            : { boot: names[columns.keyBoot[keyAt]!]!, sequence: columns.keySequence[keyAt]! },
      };
    },
  };
}

/** Where each payload ends; entry 0 is where the first begins. */
function payloadEnds(fields: BodyFields, lengths: Uint32Array): Float64Array {
  const ends = new Float64Array(lengths.length + 1);
  for (let index = 0; index < lengths.length; index++)
    ends[index + 1] = ends[index]! + lengths[index]!;
  const held = fields.bytes.get(FIELD.payloads)?.byteLength ?? 0;
  if (ends[lengths.length] !== held) throw malformed(`its payloads have ${held} bytes`);
  return ends;
}

function checkedKeys(
  fields: BodyFields,
  flags: Uint32Array,
): Pick<Columns, 'keyAt' | 'keyBoot' | 'keySequence'> {
  const keyAt = new Uint32Array(flags.length);
  let keyed = 0;
  for (let index = 0; index < flags.length; index++) {
    if ((flags[index]! & QOS_MASK) > 2) throw malformed(`record ${index} has QoS 3`);
    keyAt[index] = keyed;
    if ((flags[index]! & KEYED_FLAG) !== 0) keyed += 1;
  }
  const keyBoot = uint32s(fields, FIELD.keyBoot);
  const keySequence = readUint64Column(fields.bytes.get(FIELD.keySequence) ?? new Uint8Array());
  if (!keySequence || keySequence.length !== keyed || keyBoot.length !== keyed)
    throw malformed(`it has ${keyed} keyed records and other numbers of keys`);
  if (keyBoot.some((index) => index >= fields.names.length)) throw malformed('a key has no boot');
  return { keyAt, keyBoot, keySequence };
}

function uint32s(fields: BodyFields, field: number): Uint32Array {
  const values = readUint32Column(fields.bytes.get(field) ?? new Uint8Array());
  if (!values) throw malformed(`field ${field} is no column of 32-bit numbers`);
  return values;
}
