import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  addRange,
  coverage,
  EMPTY_POSITION,
  OPEN_RANGES_MAX,
  type PositionSet,
  type SequenceRange,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { BlockHead, LanePosition } from '../buffer/buffer.ts';
import type { SendKind } from './credits.ts';

/** Sealed blocks of a lane, ascending, from a sequence on: the buffer's `sealed`. */
export type Peek = (
  incarnation: string,
  lane: Lane,
  from: bigint,
  limit: number,
) => readonly BlockHead[];

export interface InFlight {
  readonly head: BlockHead;
  readonly kind: SendKind;
}

/**
 * Why a lane does not send all it could:
 * `backlog-only`: the cloud has its 64 ranges open, and only what closes gaps may go;
 * `settling`: a block was refused and what follows it in flight may be, too: all must come back
 * before the lane goes on;
 * `stuck`: the cloud lacks what the gateway no longer has, and a person has to look.
 */
export type LaneHold = 'none' | 'backlog-only' | 'settling' | 'stuck';

const PEEK_BLOCKS = 8;

/**
 * What one lane of one incarnation has in flight and sends next. Above the line drawn at the
 * Welcome is live, below is backlog; each ascends by a cursor of its own, except in `stock`, which
 * is never reordered and has one.
 */
export class LaneSender {
  readonly incarnation: string;
  readonly lane: Lane;
  readonly #peek: Peek;
  /** Never sent: what the Hello said is settled. The cloud counts it as no gap. */
  readonly #gone: PositionSet;
  readonly #inFlight = new Map<bigint, InFlight>();
  readonly #setAside = new Set<bigint>();
  readonly #resends = new Map<bigint, number>();
  readonly #cursors: Record<SendKind, bigint> = { live: 1n, backlog: 1n };
  #line: bigint;
  #acknowledged: PositionSet;
  #hold: LaneHold = 'none';

  constructor(position: LanePosition, peek: Peek) {
    this.incarnation = position.incarnation;
    this.lane = position.lane;
    this.#peek = peek;
    this.#acknowledged = position.acknowledged;
    this.#gone = position.settled;
    this.#line = position.accepted;
    this.drawLine(position.accepted);
  }

  get line(): bigint {
    return this.#line;
  }

  get hold(): LaneHold {
    return this.#hold;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  get acknowledged(): PositionSet {
    return this.#acknowledged;
  }

  drawLine(line: bigint): void {
    this.#line = line;
    this.#cursors.live = line + 1n;
  }

  /** The next block of `kind` that may go out, whatever the credits say. */
  next(kind: SendKind): BlockHead | undefined {
    if (this.#hold === 'stuck' || this.#hold === 'settling') return undefined;
    if (this.lane === 'stock') return this.#nextInOrder(kind);
    if (kind === 'live' && this.#hold === 'backlog-only') return undefined;
    const head = this.#scan(kind);
    if (!head || (kind === 'backlog' && head.range.first > this.#line)) return undefined;
    return kind === 'live' && this.#opensTooMany(head.range) ? undefined : head;
  }

  /** True when a sealed block above the line waits to be sent. */
  hasLiveWaiting(): boolean {
    if (this.lane === 'stock') return this.#scan('backlog') !== undefined;
    return this.#scan('live') !== undefined;
  }

  take(head: BlockHead, kind: SendKind): void {
    assert(!this.#inFlight.has(head.range.first), 'a block in flight is not sent again');
    this.#inFlight.set(head.range.first, { head, kind });
    this.#cursors[this.#cursorOf(kind)] = head.range.last + 1n;
  }

  /** The cloud holds these; returns the blocks that are no longer in flight by it. */
  acknowledge(durable: PositionSet): InFlight[] {
    const before = this.#acknowledged.contiguous;
    this.#acknowledged = union(this.#acknowledged, durable);
    const settled: InFlight[] = [];
    for (const [first, one] of this.#inFlight) {
      if (coverage(this.#acknowledged, one.head.range) !== 'covered') continue;
      this.#inFlight.delete(first);
      this.#resends.delete(first);
      settled.push(one);
    }
    if (this.#hold === 'backlog-only' && this.#acknowledged.contiguous > before) this.#release();
    this.#resume();
    return settled;
  }

  /** The block with this range, when it is in flight, is so no longer. */
  settle(range: SequenceRange): InFlight | undefined {
    const one = this.#inFlight.get(range.first);
    if (one?.head.range.last !== range.last) return undefined;
    this.#inFlight.delete(range.first);
    this.#resume();
    return one;
  }

  /** How often the block was sent again because of a refusal. */
  resends(range: SequenceRange): number {
    return this.#resends.get(range.first) ?? 0;
  }

  /** The block is to go out once more, as it was first cut. */
  sendAgain({ head, kind }: InFlight): void {
    const { first } = head.range;
    this.#resends.set(first, this.resends(head.range) + 1);
    this.#rewind(this.#cursorOf(kind), first);
  }

  /** The block never went out; the buffer may hold another in its place. */
  lookAgain({ head, kind }: InFlight): void {
    this.#rewind(this.#cursorOf(kind), head.range.first);
  }

  /** The block is not to go out again: the buffer is about to forget it. */
  setAside(range: SequenceRange): void {
    this.#setAside.add(range.first);
  }

  holdBack(hold: Exclude<LaneHold, 'none'>): void {
    if (this.#hold === 'stuck') return;
    this.#hold = hold;
    this.#resume();
  }

  #nextInOrder(kind: SendKind): BlockHead | undefined {
    const head = this.#scan('backlog');
    if (!head) return undefined;
    return head.range.first <= this.#line === (kind === 'backlog') ? head : undefined;
  }

  #scan(cursor: SendKind): BlockHead | undefined {
    let from = this.#cursors[cursor];
    for (;;) {
      const heads = this.#peek(this.incarnation, this.lane, from, PEEK_BLOCKS);
      for (const head of heads) {
        if (head.range.first >= from && this.#isSendable(head.range)) return head;
        if (head.range.last >= from) from = head.range.last + 1n;
      }
      // What was passed over is in flight, held or set aside; a refusal winds the cursor back.
      this.#cursors[cursor] = from;
      if (heads.length < PEEK_BLOCKS) return undefined;
    }
  }

  #isSendable(range: SequenceRange): boolean {
    if (this.#inFlight.has(range.first) || this.#setAside.has(range.first)) return false;
    return coverage(this.#acknowledged, range) !== 'covered';
  }

  #opensTooMany(range: SequenceRange): boolean {
    let expected = union(this.#acknowledged, this.#gone);
    for (const { head } of this.#inFlight.values()) expected = addRange(expected, head.range);
    const after = addRange(expected, range);
    return after.ranges.length > OPEN_RANGES_MAX && after.ranges.length > expected.ranges.length;
  }

  #cursorOf(kind: SendKind): SendKind {
    return this.lane === 'stock' ? 'backlog' : kind;
  }

  #rewind(cursor: SendKind, first: bigint): void {
    if (first < this.#cursors[cursor]) this.#cursors[cursor] = first;
  }

  /** The lane goes on when all that was in flight behind a refusal has come back. */
  #resume(): void {
    if (this.#hold === 'settling' && this.#inFlight.size === 0) this.#release();
  }

  #release(): void {
    this.#hold = 'none';
  }
}

/** A lane that the buffer has not written to yet. */
export function emptyLane(incarnation: string, lane: Lane): LanePosition {
  return {
    incarnation,
    lane,
    accepted: 0n,
    acknowledged: EMPTY_POSITION,
    settled: EMPTY_POSITION,
  };
}
