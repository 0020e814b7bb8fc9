import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  EMPTY_POSITION,
  highest,
  type PositionSet,
  type SequenceRange,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { PositionMark } from '../position-mark.ts';
import type { SqliteValue } from './page-rows.ts';
import type { DatedSettlement, ReadableRow, ReadableStream } from './readable-row.ts';

/** One lane of one incarnation, from all that still speaks of it. */
export interface SalvagedStream {
  readonly id: number;
  readonly incarnation: string;
  readonly lane: Lane;
  /** The highest sequence that anything names. */
  readonly accepted: bigint;
  readonly unkeyed: bigint;
  readonly duplicates: bigint;
  readonly acknowledged: PositionSet;
  /** Ascending, without overlaps. */
  readonly settlements: readonly DatedSettlement[];
  /** Everything up to here was sealed: a group below it is what an old page still holds. */
  readonly sealedUpTo: bigint;
  /** Something still says what the cloud had acknowledged. */
  readonly isPositionKnown: boolean;
  /** Its own row was whole, and nothing names a newer state. */
  readonly isKnown: boolean;
}

/**
 * What a damaged buffer still says of its positions. Of several images of one row the furthest
 * counts: positions only grow.
 */
export class Evidence {
  readonly meta = new Map<string, SqliteValue>();
  readonly #mark: PositionMark | undefined;
  readonly #lanes = new Map<number, LaneEvidence>();

  constructor(mark: PositionMark | undefined) {
    this.#mark = mark;
  }

  note(row: ReadableRow): void {
    switch (row.kind) {
      case 'meta':
        this.meta.set(row.name, row.value);
        break;
      case 'stream':
        this.#lane(row.stream.id).noteRow(row.stream);
        break;
      case 'settlement':
        this.#lane(row.stream).settle(row.settlement);
        break;
      case 'block':
        this.#lane(row.stream).noteBlock(row.block.incarnation, row.lane, row.range);
        break;
      case 'group':
        this.#lane(row.stream).reach(row.range.last);
        break;
      default:
    }
  }

  /**
   * After all rows were noted. `unnamed` names the incarnation of lanes of which only unsealed,
   * never sent groups are left.
   */
  streams(unnamed: string): SalvagedStream[] {
    for (const { id, incarnation, lane, accepted, acknowledged } of this.#mark?.streams ?? []) {
      const known = this.#lane(id);
      known.name ??= { incarnation, lane };
      // A mark of another buffer, which stood here before, says nothing of this one.
      if (known.name.incarnation !== incarnation) continue;
      known.reach(accepted);
      known.acknowledge(acknowledged);
    }
    const lanes = [...this.#lanes].sort(([a], [b]) => a - b);
    return lanes.map(([id, lane]) => lane.conclude(id, unnamed));
  }

  /**
   * The present incarnation, when the buffer may go on under it: each of its rows is whole, and so
   * is the mark, which names nothing newer. Else sequences might be given out a second time that
   * the cloud already has under other content (I6), and the buffer goes on under a new one.
   */
  incarnationToKeep(streams: readonly SalvagedStream[], isLogDamaged: boolean): string | undefined {
    const incarnation = this.meta.get('incarnation');
    const mark = this.#mark;
    if (isLogDamaged || !mark || typeof incarnation !== 'string') return undefined;
    if (mark.incarnation !== incarnation || !this.#isTurnKnown(mark)) return undefined;
    const own = streams.filter((stream) => stream.incarnation === incarnation);
    const isWhole = own.length === LANES.length && own.every((stream) => stream.isKnown);
    return isWhole ? incarnation : undefined;
  }

  #isTurnKnown({ turn }: PositionMark): boolean {
    const held = this.meta.get('turn');
    return turn === (held instanceof Uint8Array ? Buffer.from(held).toString('hex') : '');
  }

  #lane(id: number): LaneEvidence {
    const known = this.#lanes.get(id);
    if (known) return known;
    const fresh = new LaneEvidence();
    this.#lanes.set(id, fresh);
    return fresh;
  }
}

class LaneEvidence {
  name: { readonly incarnation: string; readonly lane: Lane } | undefined;
  readonly #settlements = new Map<bigint, DatedSettlement>();
  #row: ReadableStream | undefined;
  #accepted = 0n;
  #acknowledged: PositionSet = EMPTY_POSITION;
  #isPositionKnown = false;
  #sealedUpTo = 0n;

  reach(sequence: bigint): void {
    if (sequence > this.#accepted) this.#accepted = sequence;
  }

  acknowledge(position: PositionSet): void {
    this.#isPositionKnown = true;
    this.#acknowledged = union(this.#acknowledged, position);
    this.reach(highest(position));
  }

  settle(settlement: DatedSettlement): void {
    const { first, last } = settlement.range;
    // A later image of the same row may reach further.
    const known = this.#settlements.get(first);
    if (!known || last > known.range.last) this.#settlements.set(first, settlement);
    this.reach(last);
  }

  noteRow(row: ReadableStream): void {
    const before = this.#row;
    const isNewer = (row.head?.accepted ?? 0n) >= (before?.head?.accepted ?? 0n);
    if (!before || isNewer) this.#row = row;
    this.name ??= row.name;
    if (row.head) this.reach(row.head.accepted);
    if (row.acknowledged) this.acknowledge(row.acknowledged);
  }

  noteBlock(incarnation: string, lane: Lane, { last }: SequenceRange): void {
    this.name ??= { incarnation, lane };
    this.reach(last);
    if (last > this.#sealedUpTo) this.#sealedUpTo = last;
  }

  conclude(id: number, unnamed: string): SalvagedStream {
    const row = this.#row;
    const accepted = this.#accepted;
    // Lanes are numbered in their order, incarnation after incarnation.
    const lane = LANES[(id - 1) % LANES.length]!;
    const isWhole = Boolean(row?.name && row.head && row.acknowledged);
    return {
      id,
      ...(this.name ?? { incarnation: unnamed, lane }),
      accepted,
      unkeyed: row?.head?.unkeyed ?? 0n,
      duplicates: row?.head?.duplicates ?? 0n,
      acknowledged: this.#acknowledged,
      settlements: withoutOverlaps([...this.#settlements.values()]),
      isPositionKnown: this.#isPositionKnown,
      sealedUpTo: this.#sealedUpTo,
      isKnown: isWhole && row?.head?.accepted === accepted,
    };
  }
}

/** An old page may still hold settlements that were merged since. */
function withoutOverlaps(settlements: readonly DatedSettlement[]): DatedSettlement[] {
  let end = 0n;
  return settlements
    .toSorted((a, b) => (a.range.first < b.range.first ? -1 : 1))
    .flatMap((settlement) => {
      const { first, last } = settlement.range;
      const range = { first: first > end ? first : end + 1n, last };
      if (range.last < range.first) return [];
      end = last;
      return [{ ...settlement, range }];
    });
}
