import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  EMPTY_POSITION,
  highest,
  type PositionSet,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { PositionMark } from '../position-mark.ts';
import type { SqliteValue } from './page-rows.ts';
import type {
  DatedSettlement,
  ReadableBlock,
  ReadableRow,
  ReadableStream,
} from './readable-row.ts';

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
  /** By incarnation and lane, as the blocks say it themselves. */
  readonly #blocks = new Map<string, BlockEvidence>();

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
        this.#noteBlock(row);
        break;
      case 'group':
        this.#lane(row.stream).reach(row.range.last);
        break;
      default:
    }
  }

  /**
   * After all rows were noted. `drawIncarnation` names the incarnations of which only unsealed,
   * never sent groups are left.
   */
  streams(drawIncarnation: () => string): SalvagedStream[] {
    for (const blocks of this.#blocks.values()) {
      const known = this.#lane(this.#idOf(blocks));
      known.name = blocks.name;
      known.sealed(blocks.last);
    }
    for (const { id, accepted, acknowledged, ...name } of this.#mark?.streams ?? []) {
      // A mark of another buffer, which stood here before, says nothing of this one.
      if ((this.#named(name) ?? id) !== id) continue;
      const known = this.#lane(id);
      known.name ??= name;
      if (!isSame(known.name, name)) continue;
      known.reach(accepted);
      known.acknowledge(acknowledged);
    }
    const unnamed = new Map<number, string>();
    const lanes = [...this.#lanes].sort(([a], [b]) => a - b);
    return lanes.map(([id, evidence]) => {
      if (evidence.name) return evidence.conclude(id, evidence.name);
      // Lanes are numbered in their order, incarnation after incarnation.
      const nth = Math.floor((id - 1) / LANES.length);
      const incarnation = unnamed.get(nth) ?? drawIncarnation();
      unnamed.set(nth, incarnation);
      return evidence.conclude(id, { incarnation, lane: LANES[(id - 1) % LANES.length]! });
    });
  }

  #noteBlock({ stream, block: { incarnation }, lane, range: { last } }: ReadableBlock): void {
    const key = `${incarnation} ${lane}`;
    const known = this.#blocks.get(key) ?? { name: { incarnation, lane }, ids: new Map(), last };
    this.#blocks.set(key, known);
    known.ids.set(stream, (known.ids.get(stream) ?? 0) + 1);
    if (last > known.last) known.last = last;
  }

  #named(name: LaneName): number | undefined {
    for (const [id, lane] of this.#lanes) if (isSame(lane.name, name)) return id;
    return undefined;
  }

  /** The number of the lane that they name: its row's, the mark's, or what most of them give. */
  #idOf({ name, ids }: BlockEvidence): number {
    const own = this.#named(name);
    if (own !== undefined) return own;
    const marked = this.#mark?.streams.find((stream) => isSame(stream, name));
    const most = [...ids].sort(([a, countA], [b, countB]) => countB - countA || a - b);
    const candidates = [...(marked ? [marked.id] : []), ...most.map(([id]) => id)];
    const free = candidates.find((id) => this.#lanes.get(id)?.name === undefined);
    if (free !== undefined) return free;
    const highest = Math.max(...this.#lanes.keys());
    return (
      (Math.floor((highest - 1) / LANES.length) + 1) * LANES.length + LANES.indexOf(name.lane) + 1
    );
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

interface LaneName {
  readonly incarnation: string;
  readonly lane: Lane;
}

function isSame(a: LaneName | undefined, b: LaneName): boolean {
  return a?.incarnation === b.incarnation && a.lane === b.lane;
}

interface BlockEvidence {
  readonly name: LaneName;
  /** How many of them lie under which number. */
  readonly ids: Map<number, number>;
  last: bigint;
}

class LaneEvidence {
  name: LaneName | undefined;
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

  sealed(last: bigint): void {
    this.reach(last);
    this.#sealedUpTo = last;
  }

  conclude(id: number, name: LaneName): SalvagedStream {
    const row = this.#row;
    const accepted = this.#accepted;
    const isWhole = Boolean(row?.name && row.head && row.acknowledged);
    return {
      id,
      ...name,
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
