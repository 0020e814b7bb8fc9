import { releaseBytes } from './release-bytes.ts';

/**
 * A packed column of protobuf varints (a `repeated uint32` or `uint64`), written value by value as
 * it travels. About ten times as fast as a list of numbers that is encoded afterwards, which counts
 * where each message passes.
 */
export class VarintColumn {
  #bytes: Buffer;
  #length = 0;

  constructor(capacityBytes = BYTES_FIRST) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes);
  }

  /** A whole number from 0 to 2^53 - 1. */
  push(value: number): void {
    if (this.#length + VARINT_BYTES_MAX > this.#bytes.byteLength) this.#grow();
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    while (rest > INT32_MAX) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** From 0 to 2^64 - 1. */
  pushBig(value: bigint): void {
    if (value <= SAFE_MAX) {
      this.push(Number(value));
      return;
    }
    if (this.#length + VARINT_BYTES_MAX > this.#bytes.byteLength) this.#grow();
    let rest = value;
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  /** A view of what was written so far. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins anew in the memory that it has; much of it is given back. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.byteLength <= BYTES_KEPT_MAX) return;
    releaseBytes(this.#bytes);
    this.#bytes = Buffer.allocUnsafe(BYTES_FIRST);
  }

  #grow(): void {
    // Not of Node's pool, so that it can be given back.
    const grown = Buffer.allocUnsafeSlow(this.#bytes.byteLength * 2);
    this.#bytes.copy(grown, 0, 0, this.#length);
    releaseBytes(this.#bytes);
    this.#bytes = grown;
  }
}

const BYTES_FIRST = 64;
const BYTES_KEPT_MAX = 4 * 1024;
const VARINT_BYTES_MAX = 10;
const INT32_MAX = 0x7fff_ffff;
const UINT32_BYTES_MAX = 5;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** The column's values. Undefined when it ends within a value or holds one above 2^32 - 1. */
export function readUint32Column(bytes: Uint8Array): Uint32Array | undefined {
  const values = new Uint32Array(valueCount(bytes));
  let at = 0;
  for (let index = 0; index < values.length; index++) {
    let value = 0;
    for (let length = 1, scale = 1; ; length++, scale *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      if (length === UINT32_BYTES_MAX) return undefined;
    }
    if (value > 0xffff_ffff) return undefined;
    values[index] = value;
  }
  return at === bytes.byteLength ? values : undefined;
}

/** The column's values. Undefined when it ends within a value or holds one above 2^64 - 1. */
export function readUint64Column(bytes: Uint8Array): BigUint64Array | undefined {
  const values = new BigUint64Array(valueCount(bytes));
  let at = 0;
  for (let index = 0; index < values.length; index++) {
    let value = 0n;
    for (let length = 1, shift = 0n; ; length++, shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      if (length === VARINT_BYTES_MAX) return undefined;
    }
    if (value > 0xffff_ffff_ffff_ffffn) return undefined;
    values[index] = value;
  }
  return at === bytes.byteLength ? values : undefined;
}

/** Each value ends with a byte below 0x80. */
function valueCount(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.byteLength; at++) if (bytes[at]! < 0x80) count += 1;
  return count;
}
