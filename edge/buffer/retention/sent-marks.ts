import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { StoreReads } from '../buffer-store.ts';
import type { LaneStream } from '../lane-stream.ts';
import type { StoreWriter } from '../store-writer.ts';

/**
 * How far ahead a mark reaches on disk: as far as the lane goes in this time, so that hardly any
 * block costs a sync of its own, and little that was never sent is taken for sent after a crash.
 */
const STRIDE_MS = 5_000;
const STRIDE_SEQUENCES_MIN = 256;
const STRIDE_SEQUENCES_MAX = 65_536;

interface Marks {
  /** What was handed out since the last Welcome, or may have been before the start. */
  sent: PositionSet;
  /** What the disk says of it: at least that. */
  durable: PositionSet;
  /** When the disk was last told, and how many sequences were handed out since. */
  markedMs: number;
  handedOut: number;
}

/**
 * What the cloud may hold without our knowing it: blocks that were handed to the line and not
 * acknowledged. They keep their bytes; only others are condensed and dropped. Durable before a
 * block is handed out, so that no crash forgets it.
 */
export class SentMarks {
  readonly #writer: StoreWriter;
  readonly #clock: Clock;
  readonly #marks: ReadonlyMap<number, Marks>;
  #written: Promise<unknown> = Promise.resolve();

  constructor(options: {
    streams: readonly LaneStream[];
    reads: Pick<StoreReads, 'sent'>;
    writer: StoreWriter;
    clock: Clock;
  }) {
    this.#writer = options.writer;
    this.#clock = options.clock;
    const markedMs = this.#clock.monotonicMs();
    this.#marks = new Map(
      options.streams.map(({ id, accepted }) => {
        const durable = options.reads.sent(id);
        // The stride reached beyond what had been accepted, and none of that can have been sent.
        return [id, { durable, sent: upTo(durable, accepted), markedMs, handedOut: 0 }];
      }),
    );
  }

  /** From when it is called, in memory; on disk when it resolves. */
  async mark({ id, lane }: LaneStream, range: SequenceRange): Promise<void> {
    // Nothing of `stock` is ever condensed or dropped.
    if (lane === 'stock') return;
    const marks = this.#marks.get(id)!;
    marks.sent = addRange(marks.sent, range);
    marks.handedOut += Number(range.last - range.first + 1n);
    if (coverage(marks.durable, range) === 'covered') return;
    const written = this.#written.then(async () => {
      if (coverage(marks.durable, range) === 'covered') return;
      const ahead = { first: range.first, last: range.last + this.#strideOf(marks) };
      const durable = addRange(marks.sent, ahead);
      await this.#writer.write('markSent', id, durable);
      marks.durable = durable;
    });
    this.#written = written.catch(() => {
      // The failure is this caller's alone; the next one only waits.
    });
    await written;
  }

  #strideOf(marks: Marks): bigint {
    const nowMs = this.#clock.monotonicMs();
    const perMs = marks.handedOut / Math.max(1, nowMs - marks.markedMs);
    marks.markedMs = nowMs;
    marks.handedOut = 0;
    const stride = Math.round(perMs * STRIDE_MS);
    return BigInt(Math.min(Math.max(stride, STRIDE_SEQUENCES_MIN), STRIDE_SEQUENCES_MAX));
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
