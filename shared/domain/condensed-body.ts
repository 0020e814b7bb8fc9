import { CondensedBody } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { malformed } from '../lib/body-layout.ts';
import { MICROS_MAX, MINUTE_MICROS } from './reading-time.ts';
import type { Edge, Summary } from './summary.ts';

/** What is left of a series: a metric of a device. Times are microseconds since 1970. */
export interface CondensedSeries {
  readonly device: string;
  readonly metric: string;
  /** By the minute's start. */
  readonly minutes: ReadonlyMap<number, Summary>;
  /** The number of the highest sequence. */
  readonly latest: CondensedNumber | undefined;
  /** The text of the highest sequence of each minute. */
  readonly texts: readonly CondensedText[];
}

interface Taken {
  readonly time: number;
  readonly receivedTime: number;
  readonly sequence: number;
  /** The device named a time that is not believable. */
  readonly suspect: boolean;
}

export interface CondensedNumber extends Taken {
  readonly value: number;
}

export interface CondensedText extends Taken {
  readonly bytes: Uint8Array;
  /** How many texts it stands for, itself included. */
  readonly count: number;
}

/** What a minute, a series and a text take at most in the body, beside names and text. */
export const MINUTE_BYTES_MAX = 72;
export const SERIES_BYTES_MAX = 56;
export const TEXT_BYTES_MAX = 36;

/** A CondensedBody of a block that begins at `firstSequence`. */
export function encodeCondensed(series: readonly CondensedSeries[], firstSequence: bigint): Buffer {
  const body = CondensedBody.decode(new Uint8Array());
  const names = new Map<string, number>();
  const nameIndex = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, names.size);
    return names.size - 1;
  };
  nameIndex('');
  const writer = new ColumnWriter(body, Number(firstSequence));
  for (const one of series) {
    body.device.push(nameIndex(one.device));
    body.metric.push(nameIndex(one.metric));
    body.minuteCount.push(one.minutes.size);
    body.textCount.push(one.texts.length);
    for (const [start, summary] of one.minutes) writer.minute(start, summary);
    if (one.latest) writer.latest(one.latest);
    for (const text of one.texts) writer.text(text);
  }
  body.names = [...names.keys()];
  body.texts = Buffer.concat(series.flatMap(({ texts }) => texts.map(({ bytes }) => bytes)));
  return Buffer.from(CondensedBody.encode(body).finish());
}

/** Throws STORE_DAMAGED unless the bytes are a CondensedBody that keeps its own rules. */
export function decodeCondensed(
  bytes: Uint8Array,
  block: { readonly firstSequence: bigint; readonly count: number },
): readonly CondensedSeries[] {
  let body: CondensedBody;
  try {
    body = CondensedBody.decode(bytes);
  } catch (cause) {
    throw malformed('it is no protobuf message', cause);
  }
  checkColumns(body);
  const reader = new ColumnReader(body, { ...block, first: Number(block.firstSequence) });
  return body.device.map((device, at) => {
    const name = (index: number): string => body.names[index] ?? fail('a name is missing');
    const minutes = reader.minutes(body.minuteCount[at]!);
    return {
      device: name(device),
      metric: name(body.metric[at]!),
      minutes,
      latest: minutes.size > 0 ? reader.latest() : undefined,
      texts: reader.texts(body.textCount[at]!),
    };
  });
}

class ColumnWriter {
  readonly #body: CondensedBody;
  readonly #first: number;
  #minute = 0;
  #latest = 0;
  #text = 0;

  constructor(body: CondensedBody, first: number) {
    this.#body = body;
    this.#first = first;
  }

  minute(start: number, { count, sum, min, max, first, last }: Summary): void {
    const body = this.#body;
    const minute = start / MINUTE_MICROS;
    body.minute.push(BigInt(minute - this.#minute));
    this.#minute = minute;
    body.count.push(count);
    body.firstMicros.push(first.time - start);
    body.firstSequence.push(first.sequence - this.#first);
    body.firstValue.push(first.value);
    if (count === 1) return;
    body.lastMicros.push(last.time - start);
    body.lastSequence.push(last.sequence - this.#first);
    body.lastValue.push(last.value);
    body.sum.push(sum);
    body.min.push(min);
    body.max.push(max);
  }

  latest({ time, receivedTime, sequence, suspect, value }: CondensedNumber): void {
    const body = this.#body;
    body.latestTime.push(BigInt(time - this.#latest));
    this.#latest = time;
    body.latestReceived.push(BigInt(receivedTime - time));
    body.latestSequence.push(sequence - this.#first);
    body.latestSuspect.push(suspect ? 1 : 0);
    body.latestValue.push(value);
  }

  text({ time, receivedTime, sequence, suspect, bytes, count }: CondensedText): void {
    const body = this.#body;
    body.textTime.push(BigInt(time - this.#text));
    this.#text = time;
    body.textReceived.push(BigInt(receivedTime - time));
    body.textSequence.push(sequence - this.#first);
    body.textSuspect.push(suspect ? 1 : 0);
    body.textMessages.push(count);
    body.textBytes.push(bytes.byteLength);
  }
}

/** Every column has as many entries as another one says; what is left is checked while reading. */
function checkColumns(body: CondensedBody): void {
  const total = (counts: readonly number[]): number => counts.reduce((sum, one) => sum + one, 0);
  const several = body.count.filter((count) => count > 1).length;
  const numeric = body.minuteCount.filter((count) => count > 0).length;
  const expected: readonly (readonly [number, readonly (readonly unknown[])[]])[] = [
    [body.device.length, [body.metric, body.minuteCount, body.textCount]],
    [total(body.minuteCount), [body.minute, body.count, body.firstMicros]],
    [total(body.minuteCount), [body.firstSequence, body.firstValue]],
    [several, [body.lastMicros, body.lastSequence, body.lastValue, body.sum, body.min, body.max]],
    [numeric, [body.latestTime, body.latestReceived, body.latestSequence]],
    [numeric, [body.latestValue, body.latestSuspect]],
    [total(body.textCount), [body.textTime, body.textReceived, body.textSequence]],
    [total(body.textCount), [body.textSuspect, body.textMessages, body.textBytes]],
  ];
  for (const [length, columns] of expected)
    if (columns.some((column) => column.length !== length)) fail('its columns differ in length');
  if (total(body.textBytes) !== body.texts.byteLength) fail('its texts have another length');
  const numbers = [body.firstValue, body.lastValue, body.sum, body.min, body.max, body.latestValue];
  if (numbers.some((column) => column.some((value) => !Number.isFinite(value))))
    fail('a number is not finite');
}

/** Reads the columns once, from front to back. */
class ColumnReader {
  readonly #body: CondensedBody;
  readonly #block: { readonly first: number; readonly count: number };
  #minuteAt = 0;
  #severalAt = 0;
  #latestAt = 0;
  #textAt = 0;
  #textOffset = 0;
  #minute = 0;
  #latest = 0;
  #text = 0;

  constructor(body: CondensedBody, block: { readonly first: number; readonly count: number }) {
    this.#body = body;
    this.#block = block;
  }

  minutes(count: number): ReadonlyMap<number, Summary> {
    const minutes = new Map<number, Summary>();
    for (let left = count; left > 0; left--) {
      const at = this.#minuteAt++;
      this.#minute += Number(this.#body.minute[at]!);
      const start = this.#minute * MINUTE_MICROS;
      checkTime(start);
      if (minutes.has(start)) fail('a minute is there twice');
      minutes.set(start, this.#summary(start, at));
    }
    return minutes;
  }

  latest(): CondensedNumber {
    const body = this.#body;
    const at = this.#latestAt++;
    this.#latest += Number(body.latestTime[at]!);
    const taken = this.#taken(this.#latest, body.latestReceived[at]!, body.latestSequence[at]!);
    return { ...taken, suspect: body.latestSuspect[at] === 1, value: body.latestValue[at]! };
  }

  texts(count: number): readonly CondensedText[] {
    const body = this.#body;
    return Array.from({ length: count }, () => {
      const at = this.#textAt++;
      this.#text += Number(body.textTime[at]!);
      const taken = this.#taken(this.#text, body.textReceived[at]!, body.textSequence[at]!);
      const end = this.#textOffset + body.textBytes[at]!;
      const bytes = body.texts.subarray(this.#textOffset, end);
      this.#textOffset = end;
      const messages = body.textMessages[at]!;
      return { ...taken, suspect: body.textSuspect[at] === 1, bytes, count: messages };
    });
  }

  #summary(start: number, at: number): Summary {
    const body = this.#body;
    const edge = (micros: number, sequence: number, value: number): Edge => {
      if (micros >= MINUTE_MICROS) fail('a reading lies outside of its minute');
      return { time: start + micros, sequence: this.#sequence(sequence), value };
    };
    const count = body.count[at]!;
    if (count === 0) fail('a minute has no reading');
    const first = edge(body.firstMicros[at]!, body.firstSequence[at]!, body.firstValue[at]!);
    const { value } = first;
    if (count === 1) return { count, sum: value, min: value, max: value, first, last: first };
    const also = this.#severalAt++;
    const last = edge(body.lastMicros[also]!, body.lastSequence[also]!, body.lastValue[also]!);
    return { count, first, last, sum: body.sum[also]!, min: body.min[also]!, max: body.max[also]! };
  }

  #taken(time: number, received: bigint, sequence: number): Omit<Taken, 'suspect'> {
    const receivedTime = time + Number(received);
    checkTime(time);
    checkTime(receivedTime);
    return { time, receivedTime, sequence: this.#sequence(sequence) };
  }

  #sequence(offset: number): number {
    if (offset >= this.#block.count) fail('a sequence lies outside of its block');
    return this.#block.first + offset;
  }
}

function checkTime(micros: number): void {
  if (!(micros >= 0 && micros <= MICROS_MAX)) fail('a time is out of range');
}

function fail(reason: string): never {
  throw malformed(reason);
}
