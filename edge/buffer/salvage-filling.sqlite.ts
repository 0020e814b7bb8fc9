import { Block, BlockForm } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import {
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
  uncovered,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import { rowChecksum } from './row-checksum.ts';
import { rangeOfRow, rowId, SEQUENCE_MAX } from './row-id.ts';
import type { SalvagedStream } from './salvage/evidence.ts';
import type { SqliteValue } from './salvage/page-rows.ts';
import type {
  DatedSettlement,
  ReadableBlock,
  ReadableGroup,
  ReadableRow,
} from './salvage/readable-row.ts';

export interface SalvageCounts {
  blocks: number;
  groups: number;
  /** Messages in them. */
  kept: bigint;
  /** Messages that are settled as damaged now. */
  damaged: bigint;
}

export const DAMAGED_REASON = 'unreadable when the buffer was salvaged';
/** So many rows are one transaction: what stays in memory. */
const ROWS_PER_TRANSACTION = 256;

/** Puts what is readable into a fresh file, each sequence once. */
export class SalvageFilling {
  readonly counts: SalvageCounts = { blocks: 0, groups: 0, kept: 0n, damaged: 0n };
  readonly #database: Database;
  readonly #sql;
  readonly #streams: ReadonlyMap<number, SalvagedStream>;
  readonly #byName: ReadonlyMap<string, SalvagedStream>;
  readonly #ended = new Map<number, PositionSet>();
  #rows = 0;

  constructor(database: Database, streams: readonly SalvagedStream[]) {
    this.#database = database;
    this.#sql = prepareStatements(database);
    this.#streams = new Map(streams.map((stream) => [stream.id, stream]));
    this.#byName = new Map(
      streams.map((stream) => [nameOf(stream.incarnation, stream.lane), stream]),
    );
    for (const stream of streams) this.#ended.set(stream.id, endedOf(stream));
    database.exec('begin immediate');
  }

  /** `isOld`: it lies on a page that was given back. */
  takeBlock({ lane, range, block }: ReadableBlock, isOld: boolean): void {
    const stream = this.#byName.get(nameOf(block.incarnation, lane));
    if (!stream) return;
    if (isOld && !stream.isPositionKnown) return;
    const { id } = stream;
    const isCondensed = block.form === BlockForm.BLOCK_FORM_CONDENSED;
    const ended = isCondensed ? stream.acknowledged : this.#ended.get(id)!;
    if (coverage(ended, range) !== 'disjoint' || this.#isHeld(id, range)) return;
    const bytes = Block.encode(block).finish();
    this.#sql.block.run(rowId(id, range.first), range.last, block.body.byteLength, bytes);
    this.counts.blocks += 1;
    this.#took(range);
  }

  takeGroup({ stream: id, range, values }: ReadableGroup, isOld: boolean): void {
    const stream = this.#streams.get(id);
    if (!stream || range.first <= stream.sealedUpTo) return;
    if (isOld && !stream.isPositionKnown) return;
    if (coverage(this.#ended.get(id)!, range) !== 'disjoint' || this.#isHeld(id, range)) return;
    this.#sql.group.run(...values);
    this.counts.groups += 1;
    this.#took(range);
  }

  takeOther(row: ReadableRow): void {
    if (row.kind === 'window') this.#sql.window.run(...row.values);
    else if (row.kind === 'exchange') this.#sql.exchange.run(...row.values);
    else if (row.kind === 'set-aside' && this.#streams.has(row.stream))
      this.#sql.setAside.run(...row.values);
    else return;
    this.#next();
  }

  /** What was accepted, is not held and has not ended is damaged: a durable record (I3). */
  settleGaps(atMicros: bigint): void {
    for (const stream of this.#streams.values()) {
      const gaps = this.#gapsOf(stream);
      const lost = union(EMPTY_POSITION, { contiguous: 0n, ranges: gaps });
      const settlements = stream.settlements.flatMap((settlement) =>
        // Of what was condensed the summaries themselves are gone.
        settlement.kind === 'condensed' ? cut(settlement, lost) : [settlement],
      );
      const damaged = gaps.map((range) => ({
        kind: 'damaged' as const,
        range,
        reason: DAMAGED_REASON,
        atMicros,
      }));
      for (const settlement of [...settlements, ...damaged]) this.#settle(stream.id, settlement);
      for (const { first, last } of gaps) this.counts.damaged += last - first + 1n;
    }
  }

  commit(): void {
    this.#database.exec('commit');
  }

  #isHeld(stream: number, range: SequenceRange): boolean {
    const first = rowId(stream, range.first);
    const where = { low: rowId(stream, 1n), first, high: rowId(stream, range.last) };
    const before = this.#sql.lastBefore.get(where) as bigint | null;
    return (before ?? 0n) >= range.first || this.#sql.isAny.get(where) === 1n;
  }

  #gapsOf(stream: SalvagedStream): SequenceRange[] {
    const ended = endedOf(stream, (settlement) => settlement.kind !== 'condensed');
    const gaps: SequenceRange[] = [];
    let next = 1n;
    const open = (last: bigint): void => {
      if (last >= next) gaps.push(...uncovered(ended, { first: next, last }));
    };
    const span = { low: rowId(stream.id, 1n), high: rowId(stream.id, SEQUENCE_MAX) };
    for (const row of this.#sql.held.iterate(span)) {
      const { id, last } = row as { id: bigint; last: bigint };
      const range = rangeOfRow(id, last);
      open(range.first - 1n);
      next = range.last + 1n;
    }
    open(stream.accepted);
    return gaps;
  }

  #settle(stream: number, { kind, range, reason, atMicros }: DatedSettlement): void {
    const row = [rowId(stream, range.first), range.last, kind, reason, atMicros] as const;
    this.#sql.settlement.run(...row, rowChecksum(...row));
    this.#next();
  }

  #took({ first, last }: SequenceRange): void {
    this.counts.kept += last - first + 1n;
    this.#next();
  }

  #next(): void {
    this.#rows += 1;
    if (this.#rows % ROWS_PER_TRANSACTION !== 0) return;
    this.#database.exec('commit');
    this.#database.exec('begin immediate');
  }
}

function nameOf(incarnation: string, lane: string): string {
  return `${incarnation} ${lane}`;
}

function endedOf(
  { acknowledged, settlements }: SalvagedStream,
  counts: (settlement: DatedSettlement) => boolean = () => true,
): PositionSet {
  const ranges = settlements.filter(counts).map((settlement) => settlement.range);
  return union(acknowledged, union(EMPTY_POSITION, { contiguous: 0n, ranges }));
}

function cut(settlement: DatedSettlement, lost: PositionSet): DatedSettlement[] {
  return uncovered(lost, settlement.range).map((range) => ({ ...settlement, range }));
}

function prepareStatements(database: Database) {
  const value = (source: string) => database.prepare<unknown[] | object>(source).pluck();
  const insert = (source: string) => database.prepare<SqliteValue[]>(source);
  return {
    block: database.prepare('insert into blocks (id, last, body_bytes, block) values (?, ?, ?, ?)'),
    group: insert(
      'insert into groups (id, last, checksum, traceparent, body) values (?, ?, ?, ?, ?)',
    ),
    setAside: insert('insert or ignore into set_aside (id, last, bytes) values (?, ?, ?)'),
    // Of two images of one window the one that saw more is the newer.
    window: insert(`insert into windows (device, boot, used, highest, seen, checksum)
      values (?, ?, ?, ?, ?, ?) on conflict do update
      set used = excluded.used, highest = excluded.highest, seen = excluded.seen,
        checksum = excluded.checksum
      where excluded.highest > windows.highest`),
    exchange: insert('insert or ignore into exchanges (client, packet, checksum) values (?, ?, ?)'),
    settlement: database.prepare(
      `insert into settlements (id, last, kind, reason, at_micros, checksum)
        values (?, ?, ?, ?, ?, ?)`,
    ),
    lastBefore: value(`select max(last) from (
      select * from (select last from blocks where id between @low and @first
        order by id desc limit 1)
      union all select * from (select last from groups where id between @low and @first
        order by id desc limit 1))`),
    isAny: value(`select exists (select 1 from blocks where id between @first and @high)
      or exists (select 1 from groups where id between @first and @high)`),
    held: database.prepare(`select id, last from blocks where id between @low and @high
      union all select id, last from groups where id between @low and @high order by id`),
  };
}
