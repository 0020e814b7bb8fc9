import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { StreamRow } from '../buffer-store.ts';
import type { BufferReader } from './buffer-reader.ts';
import { messageLine } from './message-view.ts';
import { openRow } from './opened-row.ts';
import { type Step, walk } from './walk.ts';

export type PendingLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'skipped'; readonly range: SequenceRange; readonly reason: string };

/** Every pending message of the span once, ascending; what is no longer readable is told. */
export function* pendingLines(
  reader: BufferReader,
  stream: StreamRow,
  span: SequenceRange,
): Generator<PendingLine, void> {
  let next = span.first;
  for (const step of walk(reader, stream, span)) {
    if (step.kind === 'twice') continue;
    if (step.kind === 'row') next = yield* rowLines(step, { first: next, last: span.last });
    else {
      const reason = step.kind === 'lost' ? 'the file does not hold it' : step.reason;
      yield { kind: 'skipped', range: step.range, reason };
    }
  }
}

/** Returns the first sequence that is still to come. */
function* rowLines(
  step: Step & { kind: 'row' },
  span: SequenceRange,
): Generator<PendingLine, bigint> {
  const { row, stream } = step;
  const first = row.range.first > span.first ? row.range.first : span.first;
  const last = row.range.last < span.last ? row.range.last : span.last;
  if (last < first) return span.first;
  const opened = openRow(stream, row);
  if (opened.kind === 'damaged' || opened.form === 'summaries') {
    const reason = opened.kind === 'damaged' ? opened.reason : 'condensed to summaries';
    yield { kind: 'skipped', range: { first, last }, reason: `a ${row.kind}: ${reason}` };
    // What a damaged row says of its own end is no reason to leave out the next one.
    return span.first;
  }
  const { incarnation, lane } = stream;
  for (let sequence = first; sequence <= last; sequence++) {
    const message = opened.body.record(Number(sequence - row.range.first));
    yield { kind: 'line', text: messageLine({ sequence, incarnation, lane }, message) };
  }
  return last + 1n;
}
