import { type Edge, merge, type Summary, summaryOf } from '@holdfast/shared/domain/summary.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { FLAG_TEXT, type ReadingColumns } from './reading.ts';

/** By the bucket's start, microseconds since 1970. */
export type Summaries = Map<number, Summary>;

/** Summaries of the readings per bucket of `bucketMicros`. */
export function summarise(columns: ReadingColumns, bucketMicros: number): Summaries {
  const summaries: Summaries = new Map();
  for (let index = 0; index < columns.times.length; index++) {
    if (columns.flags[index]! & FLAG_TEXT) continue;
    const time = columns.times[index]!;
    const edge = { time, sequence: columns.sequences[index]!, value: columns.values[index]! };
    mergeInto(summaries, time - (time % bucketMicros), summaryOf(edge));
  }
  return summaries;
}

export function mergeAll(to: Summaries, from: Summaries): void {
  for (const [start, summary] of from) mergeInto(to, start, summary);
}

export function mergeInto(to: Summaries, start: number, summary: Summary): void {
  const held = to.get(start);
  to.set(start, held ? merge(held, summary) : summary);
}

/** Buckets of `bucketMicros` out of finer ones. */
export function coarsened(summaries: Summaries, bucketMicros: number): Summaries {
  const coarse: Summaries = new Map();
  for (const [start, summary] of summaries) {
    mergeInto(coarse, start - (start % bucketMicros), summary);
  }
  return coarse;
}

const SUMMARIES_VERSION = 1;

/**
 * As bytes: a version byte, the count, then each bucket. A bucket of one reading is written as that
 * reading.
 */
export function encodeSummaries(summaries: Summaries): Buffer {
  const writer = new ByteWriter(16 + summaries.size * 64);
  writer.byte(SUMMARIES_VERSION);
  writer.count(summaries.size);
  let previous = 0;
  for (const [start, summary] of summaries) {
    writer.signed(start - previous);
    previous = start;
    writer.count(summary.count);
    writeEdge(writer, start, summary.first);
    if (summary.count === 1) continue;
    writeEdge(writer, start, summary.last);
    writer.float(summary.sum);
    writer.float(summary.min);
    writer.float(summary.max);
  }
  return writer.done();
}

export function decodeSummaries(bytes: Uint8Array): Summaries {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== SUMMARIES_VERSION) {
    throw new AppError('STORE_DAMAGED', `stored summaries have the unknown version ${version}`);
  }
  const summaries: Summaries = new Map();
  let start = 0;
  for (let left = reader.count(); left > 0; left--) {
    start += reader.signed();
    summaries.set(start, readSummary(reader, start));
  }
  return summaries;
}

function readSummary(reader: ByteReader, start: number): Summary {
  const count = reader.count();
  const first = readEdge(reader, start);
  if (count === 1) return summaryOf(first);
  const last = readEdge(reader, start);
  return { count, first, last, sum: reader.float(), min: reader.float(), max: reader.float() };
}

function writeEdge(writer: ByteWriter, start: number, edge: Edge): void {
  writer.count(edge.time - start);
  writer.count(edge.sequence);
  writer.float(edge.value);
}

function readEdge(reader: ByteReader, start: number): Edge {
  return { time: start + reader.count(), sequence: reader.count(), value: reader.float() };
}
