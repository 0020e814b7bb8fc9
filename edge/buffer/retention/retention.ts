import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { coverage, type SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { HeldRow, Settlement, SettlementKind, StoreReads } from '../buffer-store.ts';
import { type LaneStream, openWithin } from '../lane-stream.ts';
import type { StoreWriter } from '../store-writer.ts';
import { type Pressure, pressureOf } from './budget.ts';
import { CONDENSED_REASON } from './condense-block.ts';
import type { SentMarks } from './sent-marks.ts';

export interface RetentionOptions {
  readonly streams: readonly LaneStream[];
  readonly reads: Pick<StoreReads, 'sealed'>;
  readonly writer: StoreWriter;
  readonly sent: SentMarks;
  /** What `event` and `telemetry` may use now, in bytes. */
  readonly budget: () => number;
  /** What the next message that waits for room would take. */
  readonly wanted: () => number;
  /** Positions and blocks change one after the other. */
  readonly change: <T>(work: () => Promise<T>) => Promise<T>;
  /** Cuts what the lane holds unsealed. True when there was something. */
  readonly seal: (lane: Lane) => Promise<boolean>;
  /** The store has settled this. */
  readonly settled: (stream: LaneStream, settlement: Settlement) => void;
  /** A damaged block was met. */
  readonly damaged: (stream: LaneStream, range: SequenceRange) => Promise<void>;
  /** Bytes became free. */
  readonly freed: () => void;
  readonly soon: (callback: () => void) => void;
  readonly onError: (error: unknown) => void;
}

export const DROPPED_REASON = 'disk budget';
const HEADS_PER_LOOK = 64;
/** A condensed block takes in what follows it until its body is as large as this. */
const CONDENSED_BYTES_GROWING = 64 * 1024;
/** Little blocks condense badly. */
const SEALED_TOGETHER_MIN = 512;
/** With more of the budget in telemetry no event is dropped. */
const TELEMETRY_SHARE_BEFORE_EVENTS = 0.25;
/** Where one block alone gains nothing, as many as this are tried together. */
const BLOCKS_TOGETHER_MAX = 8;

type StepEnd = 'done' | 'nothing';

/**
 * Keeps the buffer within its budget: telemetry is condensed, oldest first; then dropped, oldest
 * first; then events are dropped. `stock` never, and nothing that the cloud may hold. One step at a
 * time, with a turn of the event loop between two: acknowledgements do not wait for it.
 */
export class Retention {
  readonly #options: RetentionOptions;
  /** Below it a stream has nothing to condense, until something of what was sent is forgotten. */
  readonly #condensedTo = new Map<number, bigint>();
  /** What the lane had accepted when it was last sealed here. */
  readonly #sealedTo = new Map<Lane, bigint>();
  #replacing: { stream: LaneStream; range: SequenceRange; done: Promise<unknown> } | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Looks whether there is something to do, and does it. */
  nudge(): void {
    if (this.#running || this.#stopped || !this.#pressure().isHigh) return;
    this.#running = this.#relieve()
      .catch(this.#options.onError)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing of the range is being replaced. */
  async settledAround(stream: LaneStream, range: SequenceRange): Promise<void> {
    const replacing = this.#replacing;
    if (replacing?.stream === stream && overlaps(replacing.range, range)) await replacing.done;
  }

  /** What may have been sent was forgotten: more can be condensed than before. */
  sentForgotten(): void {
    this.#condensedTo.clear();
    this.nudge();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #pressure(): Pressure {
    const { writer, budget, wanted } = this.#options;
    return pressureOf(writer.bytes.used, { budget: budget(), wanted: wanted() });
  }

  async #relieve(): Promise<void> {
    while (!this.#stopped && this.#pressure().isRaised) {
      if ((await this.#step()) === 'nothing') return;
      this.#options.freed();
      await new Promise<void>((resolve) => this.#options.soon(resolve));
    }
  }

  async #step(): Promise<StepEnd> {
    for (const stream of this.#streamsOf('telemetry'))
      if ((await this.#condenseSome(stream)) === 'done') return 'done';
    if (await this.#sealed('telemetry', SEALED_TOGETHER_MIN)) return 'done';
    if (!this.#pressure().isSevere) return 'nothing';
    for (const lane of ['telemetry', 'event'] as const) {
      if (lane === 'event' && this.#isTelemetryLarge()) return 'nothing';
      for (const stream of this.#streamsOf(lane))
        if ((await this.#dropOldest(stream)) === 'done') return 'done';
      if (await this.#sealed(lane, 1)) return 'done';
    }
    return 'nothing';
  }

  /**
   * What is left of it may have been sent, and will be acknowledged or turn out to be absent:
   * events wait for that, rather than to go before it.
   */
  #isTelemetryLarge(): boolean {
    let left = this.#options.budget() * TELEMETRY_SHARE_BEFORE_EVENTS;
    for (const stream of this.#streamsOf('telemetry')) {
      let from = 1n;
      for (;;) {
        const heads = this.#options.reads.sealed(stream.id, from, HEADS_PER_LOOK);
        for (const head of heads) left -= head.bytes;
        if (left < 0) return true;
        if (heads.length < HEADS_PER_LOOK) break;
        from = heads.at(-1)!.range.last + 1n;
      }
    }
    return false;
  }

  /** Cuts what came since the last time, when it is so much. */
  async #sealed(lane: Lane, recordsMin: number): Promise<boolean> {
    const accepted = this.#streamsOf(lane).reduce((sum, stream) => sum + stream.accepted, 0n);
    if (accepted - (this.#sealedTo.get(lane) ?? 0n) < BigInt(recordsMin)) return false;
    this.#sealedTo.set(lane, accepted);
    return this.#options.seal(lane);
  }

  /** Oldest incarnation first. */
  #streamsOf(lane: Lane): readonly LaneStream[] {
    return this.#options.streams.filter((stream) => stream.lane === lane);
  }

  async #condenseSome(stream: LaneStream): Promise<StepEnd> {
    for (;;) {
      const raw = this.#nextRaw(stream);
      if (!raw) return 'nothing';
      const before = this.#growing(stream, raw.range.first);
      if (before && (await this.#condense(stream, [before, raw]))) return 'done';
      for (const blocks of this.#widening(stream, raw))
        if (await this.#condense(stream, blocks)) return 'done';
      // It gains nothing, alone or with others: it stays as it is.
      this.#condensedTo.set(stream.id, raw.range.last + 1n);
    }
  }

  /** The oldest raw block that was never sent. */
  #nextRaw(stream: LaneStream): HeldRow | undefined {
    let from = this.#condensedTo.get(stream.id) ?? 1n;
    for (;;) {
      const heads = this.#options.reads.sealed(stream.id, from, HEADS_PER_LOOK);
      for (const head of heads) {
        if (this.#isFree(stream, head) && !isCondensed(stream, head)) return head;
        from = head.range.last + 1n;
        this.#condensedTo.set(stream.id, from);
      }
      if (heads.length < HEADS_PER_LOOK) return undefined;
    }
  }

  /** The condensed block that ends where this one begins, when it may still grow. */
  #growing(stream: LaneStream, first: bigint): HeldRow | undefined {
    if (first === 1n) return undefined;
    const before = this.#options.reads.sealed(stream.id, first - 1n, 1)[0];
    if (!before || before.range.last !== first - 1n || !isCondensed(stream, before))
      return undefined;
    const mayGrow = before.bytes < CONDENSED_BYTES_GROWING && this.#isFree(stream, before);
    return mayGrow ? before : undefined;
  }

  /** The block alone, then with more and more of those that follow it. */
  *#widening(stream: LaneStream, raw: HeldRow): Generator<readonly HeldRow[]> {
    const heads = this.#options.reads.sealed(stream.id, raw.range.first, BLOCKS_TOGETHER_MAX);
    const end = heads.findIndex(
      (head, at) =>
        !this.#isFree(stream, head) ||
        isCondensed(stream, head) ||
        (at > 0 && head.range.first !== heads[at - 1]!.range.last + 1n),
    );
    const run = end < 0 ? heads : heads.slice(0, end);
    for (let count = 1; count <= run.length; count *= 2) yield run.slice(0, count);
  }

  #isFree(stream: LaneStream, { range }: HeldRow): boolean {
    return !this.#options.sent.covers(stream, range) && openWithin(stream, range).length > 0;
  }

  /** False when it gains nothing. */
  async #condense(stream: LaneStream, blocks: readonly HeldRow[]): Promise<boolean> {
    const { id, incarnation, lane } = stream;
    const ranges = blocks.map((block) => block.range);
    return this.#replace(stream, ranges, async (range) => {
      const end = await this.#options.writer.write('condense', { id, incarnation, lane }, ranges);
      if (end.kind === 'no-gain') return false;
      if (end.kind === 'damaged') await this.#options.damaged(stream, end.range);
      else this.#settled(stream, 'condensed', range);
      return true;
    });
  }

  async #dropOldest(stream: LaneStream): Promise<StepEnd> {
    let from = 1n;
    for (;;) {
      const heads = this.#options.reads.sealed(stream.id, from, HEADS_PER_LOOK);
      const head = heads.find((one) => this.#isFree(stream, one));
      if (head) {
        const dropped = await this.#replace(stream, [head.range], async (range) => {
          const settlement = { kind: 'dropped', range, reason: DROPPED_REASON } as const;
          await this.#options.writer.write('discard', stream.id, settlement);
          this.#settled(stream, 'dropped', range);
          return true;
        });
        return dropped ? 'done' : 'nothing';
      }
      if (heads.length < HEADS_PER_LOOK) return 'nothing';
      from = heads.at(-1)!.range.last + 1n;
    }
  }

  /** Does the work unless some of the blocks were sent or ended meanwhile. */
  #replace(
    stream: LaneStream,
    blocks: readonly SequenceRange[],
    work: (range: SequenceRange) => Promise<boolean>,
  ): Promise<boolean> {
    const range = { first: blocks[0]!.first, last: blocks.at(-1)!.last };
    return this.#options.change(async () => {
      if (!blocks.every((block) => this.#isFree(stream, { range: block, bytes: 0 }))) return false;
      const done = work(range);
      // Whoever waits for it only waits; its failure is told below.
      const over = done.then(
        () => {},
        () => {},
      );
      this.#replacing = { stream, range, done: over };
      try {
        return await done;
      } finally {
        this.#replacing = undefined;
      }
    });
  }

  #settled(stream: LaneStream, kind: SettlementKind, range: SequenceRange): void {
    const reason = kind === 'condensed' ? CONDENSED_REASON : DROPPED_REASON;
    this.#options.settled(stream, { kind, range, reason });
  }
}

function isCondensed(stream: LaneStream, { range }: HeldRow): boolean {
  return coverage(stream.condensed, range) === 'covered';
}

function overlaps(a: SequenceRange, b: SequenceRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}
