import { FIELDS_MAX, MESSAGE_FIELDS } from '@holdfast/shared/domain/payload.ts';
import { timestampMicros } from '@holdfast/shared/domain/reading-time.ts';
import { KnownDay } from './known-day.ts';

/** A payload that is a bare number, or a flat JSON object of these keys in their order. */
export interface PayloadShape {
  readonly keys: readonly ShapeKey[] | 'number';
  /** The fields that are measured: a scan's entry i is of field i. `value` is the empty one. */
  readonly fields: readonly string[];
}

interface ShapeKey {
  /** As it stands in the payload, quotes included. */
  readonly quoted: Uint8Array;
  readonly use: 'field' | 'time' | 'nothing';
}

/** Undefined when a payload like this one cannot be scanned. */
export function shapeOf(payload: Uint8Array): PayloadShape | undefined {
  const parsed = parsedOf(payload);
  if (typeof parsed === 'number') return { keys: 'number', fields: [''] };
  const names = flatNames(parsed);
  if (!names || names.includes('')) return undefined;
  const fields = names.filter((name) => !MESSAGE_FIELDS.has(name));
  if (fields.length === 0 || fields.length > FIELDS_MAX) return undefined;
  const keys = names.map((name) => ({
    quoted: Buffer.from(JSON.stringify(name)),
    use: useOf(name),
  }));
  return { keys, fields: fields.map((name) => (name === 'value' ? '' : name)) };
}

function useOf(name: string): ShapeKey['use'] {
  if (name === 'ts') return 'time';
  return MESSAGE_FIELDS.has(name) ? 'nothing' : 'field';
}

function parsedOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    // Not JSON: there is nothing to scan, and whoever asked keeps it whole.
    return undefined;
  }
}

function flatNames(parsed: unknown): readonly string[] | undefined {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const isFlat = Object.values(parsed).every((value) => typeof value !== 'object');
  return isFlat ? Object.keys(parsed) : undefined;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
/** The whole numbers up to so many digits, and these powers of ten, are exact as doubles. */
const DIGITS_MAX = 15;
const POWERS = Array.from({ length: DIGITS_MAX + 1 }, (_, exponent) => 10 ** exponent);
const NOWHERE = -1;

/**
 * Reads payloads of a known shape without making objects of them: a fleet's messages differ in
 * their digits only. It finds exactly what `measure` finds, or says that it cannot tell (escapes,
 * exponents, bytes beyond ASCII, other keys, another order): then `measure` is asked.
 */
export class PayloadScanner {
  /** By field; where it holds a text, the text lies from `textFrom` to `textTo` in the payload. */
  readonly numbers = new Float64Array(FIELDS_MAX);
  readonly textFrom = new Int32Array(FIELDS_MAX);
  /** 0 where the field holds a number. */
  readonly textTo = new Int32Array(FIELDS_MAX);
  /** The device's own time, microseconds since 1970: NaN when it cannot be read. */
  time = Number.NaN;
  hasTime = false;
  readonly #day = new KnownDay();
  #bytes: Uint8Array = new Uint8Array();
  #number = 0;
  #kind: 'number' | 'boolean' | 'text' = 'number';

  /** A copy of the text that the field holds; `known` itself where it is the same. */
  text(field: number, known: Uint8Array): Uint8Array {
    const from = this.textFrom[field]!;
    const to = this.textTo[field]!;
    let isSame = known.byteLength === to - from;
    for (let index = 0; isSame && index < known.byteLength; index++) {
      isSame = known[index] === this.#bytes[from + index];
    }
    return isSame ? known : this.#bytes.slice(from, to);
  }

  /** False when the payload has another shape, or cannot be told without `measure`. */
  scan(payload: Uint8Array, { keys }: PayloadShape): boolean {
    this.#bytes = payload;
    this.hasTime = false;
    let at = this.#skip(0);
    if (keys === 'number') {
      at = this.#numberEnd(at);
      this.#keep(0, 0, at);
      return this.#skip(at) === payload.byteLength;
    }
    at = this.#past(at, OPEN);
    let field = 0;
    for (let index = 0; index < keys.length && at !== NOWHERE; index++) {
      const { quoted, use } = keys[index]!;
      if (index > 0) at = this.#past(at, COMMA);
      at = this.#past(this.#match(at, quoted), COLON);
      if (at === NOWHERE) return false;
      const end = this.#value(at);
      if (use === 'field') this.#keep(field++, at, end);
      else if (use === 'time') this.#keepTime(at, end);
      at = this.#skip(end);
    }
    at = this.#past(at, CLOSE);
    return at === payload.byteLength;
  }

  #keep(field: number, at: number, end: number): void {
    this.numbers[field] = this.#number;
    this.textFrom[field] = at + 1;
    this.textTo[field] = this.#kind === 'text' ? end - 1 : 0;
  }

  #keepTime(at: number, end: number): void {
    this.hasTime = true;
    this.time = Number.NaN;
    if (this.#kind === 'text') this.time = this.#day.micros(this.#bytes, at + 1, end - 1);
    if (this.#kind === 'number') this.time = timestampMicros(this.#number) ?? Number.NaN;
  }

  /** Where the value that begins here ends; NOWHERE when only `measure` can tell. */
  #value(at: number): number {
    const first = this.#bytes[at];
    if (first === QUOTE) {
      this.#kind = 'text';
      return this.#textEnd(at + 1);
    }
    if (first === TRUE[0] || first === FALSE[0]) {
      this.#kind = 'boolean';
      this.#number = first === TRUE[0] ? 1 : 0;
      return this.#match(at, first === TRUE[0] ? TRUE : FALSE);
    }
    return this.#numberEnd(at);
  }

  #textEnd(from: number): number {
    const bytes = this.#bytes;
    for (let at = from; at < bytes.byteLength; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH || byte < SPACE || byte > 0x7f) return NOWHERE;
    }
    return NOWHERE;
  }

  #numberEnd(from: number): number {
    const bytes = this.#bytes;
    this.#kind = 'number';
    const isNegative = bytes[from] === MINUS;
    const first = isNegative ? from + 1 : from;
    let at = first;
    let value = 0;
    for (; isDigit(bytes[at]); at++) value = value * 10 + bytes[at]! - ZERO;
    const whole = at - first;
    if (whole === 0 || (whole > 1 && bytes[first] === ZERO)) return NOWHERE;
    let decimals = 0;
    if (bytes[at] === DOT) {
      const dot = at++;
      for (; isDigit(bytes[at]); at++) value = value * 10 + bytes[at]! - ZERO;
      decimals = at - dot - 1;
      if (decimals === 0) return NOWHERE;
    }
    // Beyond it the division would round twice; an exponent ends the scan at the next sign.
    if (whole + decimals > DIGITS_MAX) return NOWHERE;
    const exact = decimals === 0 ? value : value / POWERS[decimals]!;
    this.#number = isNegative ? -exact : exact;
    return at;
  }

  /** Past the sign and the space after it. */
  #past(at: number, sign: number): number {
    return at !== NOWHERE && this.#bytes[at] === sign ? this.#skip(at + 1) : NOWHERE;
  }

  /** Past the bytes and the space after them. */
  #match(from: number, wanted: Uint8Array): number {
    if (from === NOWHERE || from + wanted.byteLength > this.#bytes.byteLength) return NOWHERE;
    for (let index = 0; index < wanted.byteLength; index++) {
      if (this.#bytes[from + index] !== wanted[index]) return NOWHERE;
    }
    return this.#skip(from + wanted.byteLength);
  }

  #skip(from: number): number {
    if (from === NOWHERE) return NOWHERE;
    const bytes = this.#bytes;
    let at = from;
    while (at < bytes.byteLength && isSpace(bytes[at]!)) at++;
    return at;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
}
