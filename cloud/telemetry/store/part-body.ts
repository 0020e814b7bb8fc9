import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { decodeChunk, encodeChunk } from '../domain/chunk.ts';
import type { ReadingColumns } from '../domain/reading.ts';
import { decodeSummaries, encodeSummaries, type Summaries } from '../domain/roll-up.ts';

/** The first byte of a body says how the rest is written. */
const PLAIN = 0;
const ZSTD = 1;

/** A part as it arrives: not compressed, since it is folded soon. */
export function freshBody(columns: ReadingColumns): Uint8Array {
  return tagged(PLAIN, encodeChunk(columns));
}

/** A part as it stays. */
export function foldedBody(columns: ReadingColumns): Uint8Array {
  return packed(encodeChunk(columns));
}

/** The readings of either. STORE_DAMAGED when it is neither. */
export function openBody(body: Uint8Array): ReadingColumns {
  return decodeChunk(unpacked(body));
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
  if (body[0] === PLAIN) return rest;
  if (body[0] !== ZSTD) throw new AppError('STORE_DAMAGED', 'a stored body has an unknown form');
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
