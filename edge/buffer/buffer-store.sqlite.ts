import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import {
  EMPTY_POSITION,
  type PositionSet,
  type SequenceRange,
} from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { releaseBytes } from '@holdfast/shared/lib/release-bytes.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, isCorrupt, sqliteCode } from '@holdfast/shared/runtime/sqlite.ts';
import { blockOfBytes, bytesOfBlock } from './block-bytes.ts';
import { giveSpaceBack, isMostlyFree } from './buffer-pages.sqlite.ts';
import type {
  BufferStore,
  ExchangeChange,
  HeldRow,
  StreamRow,
  TurnWrite,
  UnsealedRow,
} from './buffer-store.ts';

import { type BootWindow, windowFromBytes } from './device-window.ts';
import { positionFromText, positionToText } from './position-text.ts';
import { rowChecksum } from './row-checksum.ts';
import { rowId, SEQUENCE_MAX } from './row-id.ts';
import { settlement, settlementRows } from './settlement-rows.sqlite.ts';

/** A QoS 2 exchange that has seen so many later ones without its PUBREL is forgotten. */
export const EXCHANGES_MAX = 1_000_000n;

export type Row = Record<string, unknown>;
type Step =
  | 'append'
  | 'seal'
  | 'ack'
  | 'settle'
  | 'turn'
  | 'shrink'
  | 'condense'
  | 'discard'
  | 'sent';

export function sqliteBufferStore(
  database: Database,
  incarnation: string,
  runtime: Pick<Runtime, 'clock' | 'steps'>,
): BufferStore {
  const sql = prepareStatements(database);
  const settlements = settlementRows(database);
  const transact = transactions(database, runtime);
  return {
    incarnation,
    turn: () => turnOf(sql),
    streams: () => sql.streams.all().map((row) => streamRow(row as Row, sql)),
    usedBytes: () => Number(sql.usedBytes.get()),
    fileBytes: () => Number(sql.fileBytes.get()),
    windows: (device) => (sql.windows.all(device) as Row[]).filter(isWindow).map(bootWindow),
    exchanges: (clientId) => packetsOf(clientId, sql.exchanges.all(clientId) as Row[]),
    append: (turn) => transact('append', () => writeTurn(sql, turn)),
    unsealed: (stream, upTo, limit) => {
      const [low, high] = [rowId(stream, 1n), rowId(stream, upTo)];
      return sql.unsealed.all({ low, high, upTo, limit }).map(heldRow);
    },
    groups: (stream, range) =>
      sql.groups.all(rowSpan(stream, range)).map((row) => unsealedRow(stream, row as Row)),
    seal: (stream, block) => transact('seal', () => writeBlock(sql, stream, block)),
    sealed: (...where) => sealedRows(sql, ...where),
    block: (stream, first) => readBlock(sql, rowId(stream, first)),
    acknowledge: (stream, position, freed) =>
      transact('ack', () => {
        const text = positionToText(position);
        sql.setAcknowledged.run(text, rowChecksum(stream, text), stream);
        for (const range of freed) deleteRows(sql, rowSpan(stream, range));
      }),
    held: (stream, range) => heldRanges(sql, stream, range),
    settle: (stream, settled) =>
      transact('settle', () => {
        for (const settlement of settled) {
          const span = rowSpan(stream, settlement.range);
          sql.setAsideGroups.run(span);
          sql.setAsideBlocks.run(span);
          deleteRows(sql, span);
          settlements.write(stream, settlement, runtime.clock.nowMicros());
        }
      }),
    condense: (stream, block, settlement) =>
      transact('condense', () => {
        deleteRows(sql, rowSpan(stream, settlement.range));
        writeBlock(sql, stream, block);
        settlements.write(stream, settlement, runtime.clock.nowMicros());
      }),
    discard: (stream, settlement) =>
      transact('discard', () => {
        deleteRows(sql, rowSpan(stream, settlement.range));
        settlements.write(stream, settlement, runtime.clock.nowMicros());
      }),
    markSent: (stream, sent) =>
      transact('sent', () => {
        const [name, text] = [sentName(stream), positionToText(sent)];
        sql.setSent.run(name, text, rowChecksum(name, text));
      }),
    sent: (stream) => sentOf(sql, stream),
    holdTurn: (turn) => transact('turn', () => sql.setTurn.run(turn, rowChecksum('turn', turn))),
    shrink() {
      if (!isMostlyFree(database)) return false;
      transact('shrink', () => giveSpaceBack(database));
      return isMostlyFree(database);
    },
    close: () => database.close(),
  };
}

function sealedRows(
  sql: Statements,
  ...[stream, from, limit]: Parameters<BufferStore['sealed']>
): HeldRow[] {
  const floor = sql.blockFloor.get({ low: rowId(stream, 1n), id: rowId(stream, from) });
  const low = (floor as bigint | null) ?? rowId(stream, from);
  const high = rowId(stream, SEQUENCE_MAX);
  return sql.sealed.all({ low, high, from, limit }).map(heldRow);
}

/** Each write is one synced transaction; its steps are where the torture kills. */
function transactions(database: Database, { steps }: Pick<Runtime, 'steps'>) {
  return (step: Step, work: () => unknown): void => {
    const transaction = database.transaction(() => {
      work();
      steps.reach(`buffer.${step}.before-commit`);
    });
    try {
      transaction.immediate();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      throw new AppError('BUFFER_FULL', 'the disk is full', { cause });
    }
    steps.reach(`buffer.${step}.committed`);
  };
}

/** Without room for the shared index of its log, SQLite names a failed write, not a full disk. */
function isDiskFull(cause: unknown): boolean {
  return ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'].includes(sqliteCode(cause));
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Database) {
  const prepare = (source: string) => database.prepare(source);
  const value = (source: string) => database.prepare(source).pluck();
  const within = 'id between @low and @high and last <= @last';
  return {
    turn: prepare("select value, checksum from meta where name = 'turn'"),
    setTurn: prepare(
      `insert into meta (name, value, checksum) values ('turn', ?, ?)
        on conflict do update set value = excluded.value, checksum = excluded.checksum`,
    ),
    sent: prepare('select value, checksum from meta where name = ?'),
    setSent: prepare(
      `insert into meta (name, value, checksum) values (?, ?, ?)
        on conflict do update set value = excluded.value, checksum = excluded.checksum`,
    ),
    streams: prepare('select * from streams order by id'),
    settlements: prepare('select * from settlements where id between ? and ? order by id'),
    usedBytes: value(`select (page_count - freelist_count) * page_size
      from pragma_page_count, pragma_freelist_count, pragma_page_size`),
    fileBytes: value('select page_count * page_size from pragma_page_count, pragma_page_size'),
    windows: prepare('select * from windows where device = ?'),
    exchanges: prepare('select packet, checksum from exchanges where client = ?'),
    insertGroup: prepare(
      'insert into groups (id, last, checksum, traceparent, body) values (?, ?, ?, ?, ?)',
    ),
    setHead: prepare(
      `update streams set accepted = ?, unkeyed = ?, duplicates = ?, head_checksum = ?
        where id = ?`,
    ),
    setWindow: prepare(`insert into windows (device, boot, used, highest, seen, checksum)
      values (?, ?, ?, ?, ?, ?) on conflict do update
      set used = excluded.used, highest = excluded.highest, seen = excluded.seen,
        checksum = excluded.checksum`),
    evictBoot: prepare('delete from windows where device = ? and boot = ?'),
    takeExchange: prepare(
      'insert into exchanges (client, packet, checksum) values (?, ?, ?) on conflict do nothing',
    ),
    releaseExchange: prepare('delete from exchanges where client = ? and packet = ?'),
    forgetClient: prepare('delete from exchanges where client = ?'),
    boundExchanges: prepare(
      'delete from exchanges where id <= (select max(id) from exchanges) - ?',
    ),
    unsealed: prepare(`select id, last, length(body) as bytes from groups
      where id between @low and @high and last <= @upTo order by id limit @limit`),
    groups: prepare(`select * from groups where ${within} order by id`),
    insertBlock: prepare('insert into blocks (id, last, body_bytes, block) values (?, ?, ?, ?)'),
    blockFloor: value('select max(id) from blocks where id between @low and @id'),
    sealed: prepare(`select id, last, body_bytes as bytes from blocks
      where id between @low and @high and last >= @from order by id limit @limit`),
    block: value('select block from blocks where id = ?'),
    setAcknowledged: prepare(
      'update streams set acknowledged = ?, position_checksum = ? where id = ?',
    ),
    deleteGroups: prepare(`delete from groups where ${within}`),
    deleteBlocks: prepare(`delete from blocks where ${within}`),
    held: prepare(`select id, last, 0 as bytes from groups where id between @low and @high
      union all select id, last, 0 as bytes from blocks where id between @low and @high
      order by id`),
    heldFloor: value(`select max(id) from (
      select max(id) as id from groups where id between @low and @id
      union all select max(id) as id from blocks where id between @low and @id)`),
    setAsideGroups: prepare(
      `insert into set_aside (id, last, bytes) select id, last, body from groups where ${within}`,
    ),
    setAsideBlocks: prepare(
      `insert into set_aside (id, last, bytes) select id, last, block from blocks where ${within}`,
    ),
  };
}

function writeTurn(sql: Statements, turn: TurnWrite): void {
  for (const { stream, range, body, traceparent } of turn.groups) {
    const id = rowId(stream, range.first);
    const checksum = rowChecksum(id, range.last, body);
    sql.insertGroup.run(id, range.last, checksum, traceparent, body);
  }
  for (const { stream, accepted, unkeyed, duplicates } of turn.heads) {
    const checksum = rowChecksum(stream, accepted, unkeyed, duplicates);
    sql.setHead.run(accepted, unkeyed, duplicates, checksum, stream);
  }
  for (const { device, boot } of turn.evictedBoots) sql.evictBoot.run(device, boot);
  for (const { device, boot, used, highest, seen } of turn.windows)
    sql.setWindow.run(
      device,
      boot,
      used,
      highest,
      seen,
      rowChecksum(device, boot, used, highest, seen),
    );
  for (const change of turn.exchanges) writeExchange(sql, change);
}

function writeExchange(sql: Statements, change: ExchangeChange): void {
  if (change.kind === 'forgotten') {
    sql.forgetClient.run(change.clientId);
    return;
  }
  const { clientId, packetId } = change.exchange;
  if (change.kind === 'released') sql.releaseExchange.run(clientId, packetId);
  else {
    sql.takeExchange.run(clientId, packetId, rowChecksum(clientId, packetId));
    sql.boundExchanges.run(EXCHANGES_MAX);
  }
}

function writeBlock(sql: Statements, stream: number, block: Block): void {
  const first = block.firstSequence;
  const range = { first, last: first + BigInt(block.count) - 1n };
  sql.deleteGroups.run(rowSpan(stream, range));
  const bytes = bytesOfBlock(block);
  sql.insertBlock.run(rowId(stream, first), range.last, block.body.byteLength, bytes);
  releaseBytes(bytes);
}

function readBlock(sql: Statements, id: bigint): Block | undefined {
  try {
    const bytes = sql.block.get(id) as Uint8Array | undefined;
    return bytes && blockOfBytes(bytes);
  } catch (cause) {
    if (sqliteCode(cause) !== '' && !isCorrupt(cause)) throw cause;
    throw new AppError('STORE_DAMAGED', 'a block is unreadable', { cause });
  }
}

function deleteRows(sql: Statements, span: ReturnType<typeof rowSpan>): void {
  sql.deleteGroups.run(span);
  sql.deleteBlocks.run(span);
}

function heldRanges(sql: Statements, stream: number, range: SequenceRange): SequenceRange[] {
  const span = rowSpan(stream, range);
  const floor = sql.heldFloor.get({ low: rowId(stream, 1n), id: span.low });
  const low = (floor as bigint | null) ?? span.low;
  const rows = sql.held.all({ low, high: span.high }).map(heldRow);
  return rows.map((row) => row.range).filter((held) => held.last >= range.first);
}

function rowSpan(
  stream: number,
  range: SequenceRange,
): { low: bigint; high: bigint; last: bigint } {
  return { low: rowId(stream, range.first), high: rowId(stream, range.last), last: range.last };
}

function heldRow(row: unknown): HeldRow {
  const { id, last, bytes } = row as { id: bigint; last: bigint; bytes: bigint };
  return { range: { first: id & SEQUENCE_MAX, last }, bytes: Number(bytes) };
}

function unsealedRow(stream: number, row: Row): UnsealedRow {
  const body = row['body'] as Uint8Array;
  return {
    stream,
    range: heldRow({ ...row, bytes: 0n }).range,
    body,
    traceparent: row['traceparent'] as string,
    intact: isSum(row['checksum'], row['id'] as bigint, row['last'] as bigint, body),
  };
}

/** A window that is not what was written is forgotten: a wrong "seen" would lose a message. */
function isWindow(row: Row): boolean {
  const { device, boot, used, highest, seen, checksum } = row as Record<string, Column>;
  return isSum(checksum, device!, boot!, used!, highest!, seen!);
}

/** As with a window: a packet id that flipped would swallow another message. */
function packetsOf(client: string, rows: readonly Row[]): number[] {
  const intact = rows.filter((row) => isSum(row['checksum'], client, row['packet'] as bigint));
  return intact.map((row) => Number(row['packet']));
}

/** A mark that is not what was written may have said anything: then all may have been sent. */
function sentOf(sql: Statements, stream: number): PositionSet {
  const name = sentName(stream);
  const row = sql.sent.get(name) as { value: string; checksum: bigint } | undefined;
  if (!row) return EMPTY_POSITION;
  if (isSum(row.checksum, name, row.value)) return positionFromText(row.value);
  return { contiguous: SEQUENCE_MAX, ranges: [] };
}

function sentName(stream: number): string {
  return `sent/${stream}`;
}

function turnOf(sql: Pick<Statements, 'turn'>): Uint8Array {
  const row = sql.turn.get() as { value: Uint8Array; checksum: bigint } | undefined;
  if (!row) return new Uint8Array();
  if (isSum(row.checksum, 'turn', row.value)) return row.value;
  throw new AppError('STORE_DAMAGED', 'the turn is not what was written');
}

type Column = string | bigint | Uint8Array;

function isSum(checksum: unknown, ...columns: readonly Column[]): boolean {
  return checksum === BigInt(rowChecksum(...columns));
}

function bootWindow(row: Row): BootWindow {
  return {
    boot: row['boot'] as string,
    used: Number(row['used']),
    highest: row['highest'] as bigint,
    seen: windowFromBytes(row['seen'] as Uint8Array),
  };
}

/** Throws STORE_DAMAGED when one of its parts is not what was written. */
export function streamRow(row: Row, sql: Pick<Statements, 'settlements'>): StreamRow {
  const id = Number(row['id']);
  checkStream(row as Record<string, Column>);
  const lane = LANES.find((known) => known === row['lane']);
  if (!lane) throw new AppError('STORE_DAMAGED', `the buffer names an unknown lane ${row['lane']}`);
  const settled = sql.settlements.all(rowId(id, 1n), rowId(id, SEQUENCE_MAX)) as Row[];
  return {
    id,
    incarnation: row['incarnation'] as string,
    lane,
    accepted: row['accepted'] as bigint,
    unkeyed: Number(row['unkeyed']),
    duplicates: Number(row['duplicates']),
    acknowledged: positionFromText(row['acknowledged'] as string),
    settled: settled.map(settlement),
  };
}

function checkStream(row: Record<string, Column>): void {
  const { id, incarnation, lane, accepted, unkeyed, duplicates, acknowledged } = row;
  const isWhole =
    isSum(row['name_checksum'], id!, incarnation!, lane!) &&
    isSum(row['head_checksum'], id!, accepted!, unkeyed!, duplicates!) &&
    isSum(row['position_checksum'], id!, acknowledged!);
  if (isWhole) return;
  throw new AppError('STORE_DAMAGED', `the positions of lane ${id} are not what was written`);
}
