import { rfc3339Micros } from '@holdfast/shared/domain/reading-time.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const T = 0x54;
const Z = 0x5a;
const DATE_CHARS = 10;
/** `2026-01-01T00:00:00`, and after it a fraction or the end. */
const SECONDS_END = 19;
const MICRO_DIGITS = 6;

/** Times of one day after the other: the calendar is asked once a day, not per reading. */
export class KnownDay {
  readonly #date = new Uint8Array(DATE_CHARS);
  #micros = Number.NaN;

  /** What `rfc3339Micros` says of the text; NaN for undefined. */
  micros(bytes: Uint8Array, from: number, to: number): number {
    const seconds = this.#isUtc(bytes, from, to) ? secondsOfDay(bytes, from) : Number.NaN;
    const fraction = fractionMicros(bytes, from + SECONDS_END, to - 1);
    if (Number.isNaN(seconds) || Number.isNaN(fraction)) return micros(bytes, from, to);
    for (let index = 0; index < DATE_CHARS; index++) {
      if (bytes[from + index] !== this.#date[index]) this.#learn(bytes, from);
    }
    return this.#micros + seconds * 1e6 + fraction;
  }

  #isUtc(bytes: Uint8Array, from: number, to: number): boolean {
    return to - from > SECONDS_END && bytes[to - 1] === Z && bytes[from + DATE_CHARS] === T;
  }

  #learn(bytes: Uint8Array, from: number): void {
    this.#date.set(bytes.subarray(from, from + DATE_CHARS));
    const date = Buffer.from(this.#date).toString('latin1');
    this.#micros = rfc3339Micros(`${date}T00:00:00Z`) ?? Number.NaN;
  }
}

function micros(bytes: Uint8Array, from: number, to: number): number {
  const text = Buffer.from(bytes.subarray(from, to)).toString('latin1');
  return rfc3339Micros(text) ?? Number.NaN;
}

/** Of `T00:00:00` after the date; NaN when it is anything else, or a leap second. */
function secondsOfDay(bytes: Uint8Array, from: number): number {
  const at = from + DATE_CHARS;
  if (bytes[at + 3] !== COLON || bytes[at + 6] !== COLON) return Number.NaN;
  const hour = pairAt(bytes, at + 1);
  const minute = pairAt(bytes, at + 4);
  const second = pairAt(bytes, at + 7);
  const isTime = hour <= 23 && minute <= 59 && second <= 59;
  return isTime ? (hour * 60 + minute) * 60 + second : Number.NaN;
}

/** NaN unless both are digits. */
function pairAt(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - ZERO;
  const ones = bytes[at + 1]! - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Of `.123456`, or of nothing; NaN when it is neither or has more than six digits. */
function fractionMicros(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return 0;
  const digits = to - from - 1;
  if (bytes[from] !== DOT || digits < 1 || digits > MICRO_DIGITS) return Number.NaN;
  let value = 0;
  for (let at = from + 1; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value * 10 ** (MICRO_DIGITS - digits);
}
