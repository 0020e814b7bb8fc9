import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { emptyColumns, FLAG_TEXT, type ReadingColumns } from './reading.ts';

/**
 * Readings of one series, stream and hour as bytes: a version byte, the count, then the columns.
 * Times, receive times and sequences are differences, flags a single byte when all are equal,
 * values decimals where that is exact (most sensors send few digits) and else doubles.
 */
export const CHUNK_VERSION = 1;

/**
 * How the values are written: as doubles, or as differences of whole numbers of 10^-n for a form of
 * n + 1.
 */
const FORM_DOUBLES = 0;
const SCALES = [1, 10, 100, 1e3, 1e4, 1e5, 1e6] as const;
/** A difference of two of these still fits a zigzag varint. */
const SCALED_MAX = 2 ** 50;

export function encodeChunk(columns: ReadingColumns): Buffer {
  const count = columns.times.length;
  const writer = new ByteWriter(16 + count * 16);
  writer.byte(CHUNK_VERSION);
  writer.count(count);
  writeFlags(writer, columns.flags);
  writeDifferences(writer, columns.times);
  writeReceivedTimes(writer, columns);
  writeDifferences(writer, columns.sequences);
  writeValues(writer, columns.values);
  for (let index = 0; index < count; index++) {
    if (!(columns.flags[index]! & FLAG_TEXT)) continue;
    const text = columns.texts[columns.values[index]!]!;
    writer.count(text.byteLength);
    writer.block(text);
  }
  return writer.done();
}

/** STORE_DAMAGED when the bytes are no chunk of a version that this release reads. */
export function decodeChunk(bytes: Uint8Array): ReadingColumns {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== CHUNK_VERSION) {
    throw new AppError('STORE_DAMAGED', `a stored chunk has the unknown version ${version}`);
  }
  const columns = emptyColumns();
  const count = reader.count();
  readFlags(reader, count, columns.flags);
  readDifferences(reader, count, columns.times);
  readReceivedTimes(reader, columns);
  readDifferences(reader, count, columns.sequences);
  readValues(reader, count, columns.values);
  for (let index = 0; index < count; index++) {
    if (!(columns.flags[index]! & FLAG_TEXT)) continue;
    columns.values[index] = columns.texts.push(reader.block(reader.count())) - 1;
  }
  return columns;
}

function writeFlags(writer: ByteWriter, flags: readonly number[]): void {
  const constant = flags.every((flag) => flag === flags[0]);
  writer.byte(constant ? 1 : 0);
  for (const flag of constant ? flags.slice(0, 1) : flags) writer.byte(flag);
}

function readFlags(reader: ByteReader, count: number, flags: number[]): void {
  const constant = reader.byte() === 1;
  let flag = 0;
  for (let index = 0; index < count; index++) {
    if (index === 0 || !constant) flag = reader.byte();
    flags.push(flag);
  }
}

function writeDifferences(writer: ByteWriter, values: readonly number[]): void {
  let previous = 0;
  for (const value of values) {
    writer.signed(value - previous);
    previous = value;
  }
}

function readDifferences(reader: ByteReader, count: number, values: number[]): void {
  let previous = 0;
  for (let index = 0; index < count; index++) {
    previous += reader.signed();
    values.push(previous);
  }
}

/** Nothing where each reading was received when it was taken, which is the usual case. */
function writeReceivedTimes(writer: ByteWriter, { times, receivedTimes }: ReadingColumns): void {
  const same = times.every((time, index) => time === receivedTimes[index]);
  writer.byte(same ? 1 : 0);
  if (!same) writeDifferences(writer, receivedTimes);
}

function readReceivedTimes(reader: ByteReader, { times, receivedTimes }: ReadingColumns): void {
  if (reader.byte() === 0) readDifferences(reader, times.length, receivedTimes);
  else for (const time of times) receivedTimes.push(time);
}

function writeValues(writer: ByteWriter, values: readonly number[]): void {
  const decimals = exactDecimals(values);
  if (decimals === undefined) {
    writer.byte(FORM_DOUBLES);
    for (const value of values) writer.float(value);
    return;
  }
  writer.byte(decimals + 1);
  const scale = SCALES[decimals]!;
  let previous = 0;
  for (const value of values) {
    const scaled = Math.round(value * scale);
    writer.signed(scaled - previous);
    previous = scaled;
  }
}

function readValues(reader: ByteReader, count: number, values: number[]): void {
  const form = reader.byte();
  if (form === FORM_DOUBLES) {
    for (let index = 0; index < count; index++) values.push(reader.float());
    return;
  }
  const scale = SCALES[form - 1];
  if (scale === undefined) throw new AppError('STORE_DAMAGED', `unknown value form ${form}`);
  let scaled = 0;
  for (let index = 0; index < count; index++) {
    scaled += reader.signed();
    values.push(scaled / scale);
  }
}

/** The fewest decimals that give every value back to the bit; undefined when six do not. */
function exactDecimals(values: readonly number[]): number | undefined {
  let decimals = 0;
  for (const value of values) {
    while (!isExact(value, SCALES[decimals]!)) {
      decimals++;
      if (decimals === SCALES.length) return undefined;
    }
  }
  // A value that fits fewer decimals may be too large for more.
  const scale = SCALES[decimals]!;
  return values.every((value) => isExact(value, scale)) ? decimals : undefined;
}

function isExact(value: number, scale: number): boolean {
  const scaled = Math.round(value * scale);
  if (scaled === 0) return Object.is(value, 0);
  return Math.abs(scaled) < SCALED_MAX && scaled / scale === value;
}
