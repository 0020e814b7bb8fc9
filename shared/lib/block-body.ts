import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Codec } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from './app-error.ts';
import { assert } from './assert.ts';
import { BodyBuilder } from './body-builder.ts';
import {
  BODY_BYTES_MAX,
  type BodyRecord,
  type DecodedBody,
  malformed,
  type ReceiveTime,
} from './body-layout.ts';
import { readBody } from './body-reader.ts';
import { releaseBytes } from './release-bytes.ts';

export {
  BODY_BYTES_MAX,
  BODY_RECORDS_MAX,
  type BodyEpoch,
  type BodyRecord,
  type DecodedBody,
  type ReceiveTime,
} from './body-layout.ts';

/** Wall-clock microseconds since 1970 when the gateway received it, as its clock was then known. */
export function receivedMicros(received: ReceiveTime): bigint {
  const { baseMonotonicMicros, offsetMicros } = received.epoch;
  return baseMonotonicMicros + BigInt(received.elapsedMicros) + offsetMicros;
}

export function encodeBody(records: Iterable<BodyRecord>): Buffer {
  const builder = new BodyBuilder();
  for (const record of records) builder.add(record, record);
  return builder.encode();
}

/** One body with the records of all, in order. Throws STORE_DAMAGED when one is malformed. */
export function mergeBodies(bodies: readonly Uint8Array[]): Buffer {
  const builder = new BodyBuilder();
  for (const bytes of bodies) builder.addAll(decodeBody(bytes));
  return builder.encode();
}

/** Throws STORE_DAMAGED unless the bytes are a BlockBody that keeps its own rules. */
export function decodeBody(bytes: Uint8Array): DecodedBody {
  return readBody(bytes);
}

/** The body as it travels, alone in its memory. What does not get smaller stays as it is. */
export function compressBody(body: Uint8Array): { codec: Codec; bytes: Uint8Array } {
  assert(body.byteLength <= BODY_BYTES_MAX, 'a body is at most BODY_BYTES_MAX');
  // In one piece: the library joins smaller ones into another, and leaves them to the collector.
  const chunkSize = body.byteLength + ZSTD_GROWTH_BYTES_MAX;
  const compressed = zstdCompressSync(body, { chunkSize });
  const isSmaller = compressed.byteLength < body.byteLength;
  const bytes = isSmaller ? aloneInMemory(compressed) : body;
  // A small one is a part of Node's pool, which others use.
  if (chunkSize >= Buffer.poolSize) releaseBytes(new Uint8Array(compressed.buffer));
  return { codec: isSmaller ? Codec.CODEC_ZSTD : Codec.CODEC_NONE, bytes };
}

function aloneInMemory(part: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(part.byteLength);
  bytes.set(part);
  return bytes;
}

/** What does not compress gets larger by its frame's head and, for each 128 KiB, a block's. */
const ZSTD_GROWTH_BYTES_MAX = 1024;

/**
 * Undoes `compressBody`. Takes no more than BODY_BYTES_MAX of output and a window of 1 MiB,
 * whatever the bytes ask for. Throws PAYLOAD_TOO_LARGE, STORE_DAMAGED, or PROTOCOL_UNSUPPORTED for
 * a codec of a later version.
 */
export function decompressBody(codec: Codec, bytes: Uint8Array): Uint8Array {
  if (codec === Codec.CODEC_NONE) {
    if (bytes.byteLength > BODY_BYTES_MAX) throw tooLarge(undefined);
    return bytes;
  }
  if (codec !== Codec.CODEC_ZSTD)
    throw new AppError('PROTOCOL_UNSUPPORTED', `block codec ${codec} is not known`);
  try {
    return zstdDecompressSync(bytes, {
      maxOutputLength: BODY_BYTES_MAX,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(cause);
    throw malformed('it does not decompress', cause);
  }
}

/** Above what a body of BODY_BYTES_MAX needs, far below what a hostile frame can ask for. */
const ZSTD_WINDOW_LOG_MAX = 20;

function tooLarge(cause: unknown): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `block body is larger than ${BODY_BYTES_MAX} bytes`, {
    cause,
  });
}
