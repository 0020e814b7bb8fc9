import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { decodeChunk, encodeChunk } from '../domain/chunk.ts';
import type { ReadingColumns } from '../domain/reading.ts';

/** The first byte of a part's body says how the chunk behind it is written. */
const PLAIN = 0;
const ZSTD = 1;

/** As it arrives: not compressed, since it is folded soon. */
export function freshBody(columns: ReadingColumns): Uint8Array {
  return tagged(PLAIN, encodeChunk(columns));
}

/** As it stays. */
export function foldedBody(columns: ReadingColumns): Uint8Array {
  const chunk = encodeChunk(columns);
  const compressed = zstdCompressSync(chunk);
  const smaller = compressed.byteLength < chunk.byteLength;
  return smaller ? tagged(ZSTD, compressed) : tagged(PLAIN, chunk);
}

/** STORE_DAMAGED when it is neither. */
export function openBody(body: Uint8Array): ReadingColumns {
  const rest = body.subarray(1);
  if (body[0] === PLAIN) return decodeChunk(rest);
  if (body[0] !== ZSTD) throw new AppError('STORE_DAMAGED', 'a stored part has an unknown form');
  return decodeChunk(decompressed(rest));
}

function decompressed(bytes: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(bytes);
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', 'a stored part does not decompress', { cause });
  }
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const body = Buffer.allocUnsafe(bytes.byteLength + 1);
  body[0] = tag;
  body.set(bytes, 1);
  return body;
}
