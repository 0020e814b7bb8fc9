import {
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
  uncovered,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { StreamRow } from '../buffer-store.ts';
import type { BufferReader, HeldChunk, StoredRow } from './buffer-reader.ts';

/** What lies on the way through a lane, in the order of the sequences. */
export type Step =
  | { readonly kind: 'row'; readonly row: StoredRow; readonly stream: StreamRow }
  /** Accepted, neither held nor ended. */
  | { readonly kind: 'lost'; readonly range: SequenceRange }
  /** Held by two rows. */
  | { readonly kind: 'twice'; readonly range: SequenceRange }
  /** The file does not say what it holds here. */
  | { readonly kind: 'unreadable'; readonly range: SequenceRange; readonly reason: string };

/**
 * Goes through what a lane holds of `span`, which ends at or below what was accepted when the walk
 * began. The gateway may go on meanwhile: each sequence is judged by what is held and what is ended
 * at one and the same moment.
 */
export function* walk(
  reader: BufferReader,
  stream: StreamRow,
  span: SequenceRange,
): Generator<Step, void> {
  let next = span.first;
  for (let version = -1; next <= span.last; ) {
    const chunk = reader.held(stream.id, { first: next, last: span.last });
    // A merged block may reach back over what was seen; in an unchanged file nothing does.
    let seen = chunk.version === version ? next : 0n;
    for (const row of chunk.rows) {
      const { first, last } = row.range;
      if (first > next) yield* lost(chunk, { first: next, last: first - 1n });
      if (first < seen) yield { kind: 'twice', range: { first, last: lower(last, seen - 1n) } };
      yield { kind: 'row', row, stream: chunk.stream };
      // A damaged row may end before it begins, or far away; the walk goes on all the same.
      const end = last < first || last > chunk.stream.accepted ? first : last;
      next = higher(next, end + 1n);
      seen = next;
    }
    if (chunk.complete) return yield* lost(chunk, { first: next, last: span.last });
    if (chunk.damage) {
      const resume = chunk.damage.resume ?? span.last + 1n;
      yield* unreadable(chunk, chunk.damage.reason, { first: next, last: resume - 1n });
      next = higher(next, resume);
    }
    version = chunk.version;
  }
}

/** What the lane no longer owes: acknowledged, or settled so that nothing of it travels. */
export function endedOf(stream: StreamRow): PositionSet {
  const known = ENDED.get(stream);
  if (known) return known;
  const gone = stream.settled.filter(({ kind }) => kind !== 'condensed');
  const ranges = gone.map((settlement) => settlement.range);
  const ended = union(stream.acknowledged, union(EMPTY_POSITION, { contiguous: 0n, ranges }));
  ENDED.set(stream, ended);
  return ended;
}

/** Settlements can be many, and each row is held against them. */
const ENDED = new WeakMap<StreamRow, PositionSet>();

function* unreadable(
  { stream }: HeldChunk,
  reason: string,
  range: SequenceRange,
): Generator<Step, void> {
  if (range.first > range.last) return;
  for (const open of uncovered(endedOf(stream), range))
    yield { kind: 'unreadable', range: open, reason };
}

function* lost({ stream }: Pick<HeldChunk, 'stream'>, range: SequenceRange): Generator<Step, void> {
  for (const open of uncovered(endedOf(stream), range)) yield { kind: 'lost', range: open };
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function higher(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
