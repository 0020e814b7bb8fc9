import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { StoreReads } from '../buffer-store.ts';
import type { LaneStream } from '../lane-stream.ts';
import type { StoreWriter } from '../store-writer.ts';

/** How far ahead a mark reaches on disk, so that hardly any block costs a sync of its own. */
const STRIDE_SEQUENCES = 65_536n;

interface Marks {
  /** What was handed out since the last Welcome, or may have been before the start. */
  sent: PositionSet;
  /** What the disk says of it: at least that. */
  durable: PositionSet;
}

/**
 * What the cloud may hold without our knowing it: blocks that were handed to the line and not
 * acknowledged. They keep their bytes; only others are condensed and dropped. Durable before a block
 * is handed out, so that no crash forgets it.
 */
export class SentMarks {
  readonly #writer: StoreWriter;
  readonly #marks: ReadonlyMap<number, Marks>;
  #written: Promise<unknown> = Promise.resolve();

  constructor(options: {
    streams: readonly LaneStream[];
    reads: Pick<StoreReads, 'sent'>;
    writer: StoreWriter;
  }) {
    this.#writer = options.writer;
    this.#marks = new Map(
      options.streams.map(({ id, accepted }) => {
        const durable = options.reads.sent(id);
        // The stride reached beyond what had been accepted, and none of that can have been sent.
        return [id, { durable, sent: upTo(durable, accepted) }];
      }),
    );
  }

  /** From when it is called, in memory; on disk when it resolves. */
  async mark({ id, lane }: LaneStream, range: SequenceRange): Promise<void> {
    // Nothing of `stock` is ever condensed or dropped.
    if (lane === 'stock') return;
    const marks = this.#marks.get(id)!;
    marks.sent = addRange(marks.sent, range);
    if (coverage(marks.durable, range) === 'covered') return;
    const written = this.#written.then(async () => {
      if (coverage(marks.durable, range) === 'covered') return;
      const ahead = { first: range.first, last: range.last + STRIDE_SEQUENCES };
      const durable = addRange(marks.sent, ahead);
      await this.#writer.write('markSent', id, durable);
      marks.durable = durable;
    });
    this.#written = written.catch(() => {
      // The failure is this caller's alone; the next one only waits.
    });
    await written;
  }

  /** Whether some of the range may have been sent. */
  covers({ id }: LaneStream, range: SequenceRange): boolean {
    return coverage(this.#marks.get(id)!.sent, range) !== 'disjoint';
  }

  /** The cloud has said what it holds of the stream; what it did not name is nowhere. */
  forget({ id }: LaneStream): void {
    this.#marks.get(id)!.sent = EMPTY_POSITION;
  }
}

function upTo({ contiguous, ranges }: PositionSet, accepted: bigint): PositionSet {
  const lower = (a: bigint): bigint => (a < accepted ? a : accepted);
  const kept = ranges.filter(({ first }) => first <= accepted);
  return union(
    { contiguous: lower(contiguous), ranges: [] },
    { contiguous: 0n, ranges: kept.map(({ first, last }) => ({ first, last: lower(last) })) },
  );
}
