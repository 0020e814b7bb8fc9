import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { decodeChunk, encodeChunk } from '../domain/chunk.ts';
import type { ReadingColumns } from '../domain/reading.ts';
import {
  coarsened,
  decodeSummaries,
  encodeSummaries,
  type Summaries,
  summarise,
} from '../domain/roll-up.ts';

/** The first byte of a body says how the rest is written. */
const PLAIN = 0;
const ZSTD = 1;
/** Of minutes that a gateway condensed, in place of readings. */
const MINUTES_PLAIN = 2;
const MINUTES_ZSTD = 3;

/** A part as it arrives: not compressed, since it is folded soon. */
export function freshBody(columns: ReadingColumns): Uint8Array {
  return tagged(PLAIN, encodeChunk(columns));
}

/** A part as it stays. */
export function foldedBody(columns: ReadingColumns): Uint8Array {
  return packed(encodeChunk(columns));
}

/** Condensed minutes as they arrive, and as they stay. */
export function minutesBody(minutes: Summaries, form: 'fresh' | 'folded'): Uint8Array {
  const body = form === 'fresh' ? tagged(PLAIN, encodeSummaries(minutes)) : summariesBody(minutes);
  body[0] = body[0] === PLAIN ? MINUTES_PLAIN : MINUTES_ZSTD;
  return body;
}

export type PartContent =
  | { readonly kind: 'readings'; readonly columns: ReadingColumns }
  /** What the minutes of a series came to; their readings are gone. */
  | { readonly kind: 'minutes'; readonly minutes: Summaries };

/** What a part holds. STORE_DAMAGED when its form is unknown. */
export function openPart(body: Uint8Array): PartContent {
  if (body[0] === MINUTES_PLAIN || body[0] === MINUTES_ZSTD)
    return { kind: 'minutes', minutes: decodeSummaries(unpacked(body)) };
  return { kind: 'readings', columns: decodeChunk(unpacked(body)) };
}

/** Its numbers per bucket; a bucket is a minute or whole minutes. */
export function summariesOfPart(body: Uint8Array, bucketMicros: number): Summaries {
  const part = openPart(body);
  if (part.kind === 'readings') return summarise(part.columns, bucketMicros);
  return coarsened(part.minutes, bucketMicros);
}

export function summariesBody(summaries: Summaries): Uint8Array {
  return packed(encodeSummaries(summaries));
}

export function openSummaries(body: Uint8Array): Summaries {
  return decodeSummaries(unpacked(body));
}

/** Below this nothing gets smaller. */
const PACKED_BYTES_MIN = 64;

function packed(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength < PACKED_BYTES_MIN) return tagged(PLAIN, bytes);
  const compressed = zstdCompressSync(bytes);
  const smaller = compressed.byteLength < bytes.byteLength;
  return smaller ? tagged(ZSTD, compressed) : tagged(PLAIN, bytes);
}

function unpacked(body: Uint8Array): Uint8Array {
  const rest = body.subarray(1);
  if (body[0] === PLAIN || body[0] === MINUTES_PLAIN) return rest;
  if (body[0] !== ZSTD && body[0] !== MINUTES_ZSTD)
    throw new AppError('STORE_DAMAGED', 'a stored body has an unknown form');
  try {
    return zstdDecompressSync(rest);
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', 'a stored body does not decompress', { cause });
  }
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const body = Buffer.allocUnsafe(bytes.byteLength + 1);
  body[0] = tag;
  body.set(bytes, 1);
  return body;
}
