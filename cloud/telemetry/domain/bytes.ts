import { AppError } from '@holdfast/shared/lib/app-error.ts';

const FLOAT_BYTES = 8;
const VARINT_BYTES_MAX = 8;

/** Appends numbers to a growing buffer. */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(bytesExpected = 256) {
    this.#bytes = Buffer.allocUnsafe(bytesExpected);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** A safe integer ≥ 0, seven bits a byte, low bits first (LEB128). */
  count(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  /** A safe integer of either sign below 2^52, zigzag: small ones take few bytes. */
  signed(value: number): void {
    this.count(value < 0 ? -2 * value - 1 : 2 * value);
  }

  float(value: number): void {
    this.#reserve(FLOAT_BYTES);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  block(value: Uint8Array): void {
    this.#reserve(value.byteLength);
    this.#bytes.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** A copy of what was written. */
  done(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

/** Reads what ByteWriter wrote. STORE_DAMAGED when it ends too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++]!;
  }

  count(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  }

  signed(): number {
    const value = this.count();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  float(): number {
    this.#need(FLOAT_BYTES);
    this.#at += FLOAT_BYTES;
    return this.#bytes.readDoubleLE(this.#at - FLOAT_BYTES);
  }

  block(bytes: number): Uint8Array {
    this.#need(bytes);
    this.#at += bytes;
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }

  #need(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.byteLength) return;
    throw new AppError('STORE_DAMAGED', 'a stored chunk ends too early');
  }
}
