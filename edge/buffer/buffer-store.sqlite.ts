import { crc32 } from 'node:zlib';
import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, isCorrupt, sqliteCode } from '@holdfast/shared/runtime/sqlite.ts';
import type {
  BufferStore,
  ExchangeChange,
  HeldRow,
  Settlement,
  StreamRow,
  TurnWrite,
  UnsealedRow,
} from './buffer-store.ts';
import { SETTLEMENTS } from './buffer-store.ts';
import { type BootWindow, windowFromBytes, windowToBytes } from './device-window.ts';

/** A row's id is its lane's number and its first sequence: one b-tree keeps each lane in order. */
const SEQUENCE_BITS = 48n;
export const SEQUENCE_MAX = (1n << SEQUENCE_BITS) - 1n;
/** A QoS 2 exchange that has seen so many later ones without its PUBREL is forgotten. */
export const EXCHANGES_MAX = 1_000_000n;

export type Row = Record<string, unknown>;
type Step = 'append' | 'seal' | 'ack' | 'settle' | 'turn';

export function sqliteBufferStore(
  database: Database,
  incarnation: string,
  runtime: Runtime,
): BufferStore {
  const sql = prepareStatements(database);
  const transact = transactions(database, runtime);
  return {
    incarnation,
    turn: () => (sql.turn.get() as Uint8Array | undefined) ?? new Uint8Array(),
    streams: () => sql.streams.all().map((row) => streamRow(row as Row, sql)),
    usedBytes: () => Number(sql.usedBytes.get()),
    fileBytes: () => Number(sql.fileBytes.get()),
    windows: (device) => sql.windows.all(device).map((row) => bootWindow(row as Row)),
    exchanges: (clientId) => sql.exchanges.all(clientId).map(Number),
    append: (turn) => transact('append', () => writeTurn(sql, turn)),
    unsealed: (stream, upTo, limit) =>
      sql.unsealed
        .all({ low: rowId(stream, 1n), high: rowId(stream, upTo), upTo, limit })
        .map(heldRow),
    groups: (stream, range) =>
      sql.groups.all(rowSpan(stream, range)).map((row) => unsealedRow(stream, row as Row)),
    seal: (stream, block) => transact('seal', () => writeBlock(sql, stream, block)),
    sealed: (stream, from, limit) => {
      const floor = sql.blockFloor.get({ low: rowId(stream, 1n), id: rowId(stream, from) });
      const low = (floor as bigint | null) ?? rowId(stream, from);
      const high = rowId(stream, SEQUENCE_MAX);
      return sql.sealed.all({ low, high, from, limit }).map(heldRow);
    },
    block: (stream, first) => readBlock(sql, rowId(stream, first)),
    acknowledge: (stream, position, freed) =>
      transact('ack', () => {
        sql.setAcknowledged.run(positionToText(position), stream);
        for (const range of freed) deleteRows(sql, rowSpan(stream, range));
      }),
    held: (stream, range) => heldRanges(sql, stream, range),
    settle: (stream, settlements) =>
      transact('settle', () => {
        for (const settlement of settlements) {
          const span = rowSpan(stream, settlement.range);
          sql.setAsideGroups.run(span);
          sql.setAsideBlocks.run(span);
          deleteRows(sql, span);
          const atMicros = runtime.clock.nowMicros();
          sql.settle.run({ ...span, kind: settlement.kind, reason: settlement.reason, atMicros });
        }
      }),
    holdTurn: (turn) => transact('turn', () => sql.setTurn.run(turn)),
    close: () => database.close(),
  };
}

/** Each write is one synced transaction; its steps are where the torture kills. */
function transactions(database: Database, { steps }: Runtime) {
  return (step: Step, work: () => unknown): void => {
    const transaction = database.transaction(() => {
      work();
      steps.reach(`buffer.${step}.before-commit`);
    });
    try {
      transaction.immediate();
    } catch (cause) {
      if (sqliteCode(cause) !== 'SQLITE_FULL') throw cause;
      throw new AppError('BUFFER_FULL', 'the disk is full', { cause });
    }
    steps.reach(`buffer.${step}.committed`);
  };
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Database) {
  const prepare = (source: string) => database.prepare(source);
  const value = (source: string) => database.prepare(source).pluck();
  const within = 'id between @low and @high and last <= @last';
  return {
    turn: value("select value from meta where name = 'turn'"),
    setTurn: prepare(
      `insert into meta (name, value) values ('turn', ?)
        on conflict do update set value = excluded.value`,
    ),
    streams: prepare('select * from streams order by id'),
    settlements: prepare('select * from settlements where id between ? and ? order by id'),
    usedBytes: value(`select (page_count - freelist_count) * page_size
      from pragma_page_count, pragma_freelist_count, pragma_page_size`),
    fileBytes: value('select page_count * page_size from pragma_page_count, pragma_page_size'),
    windows: prepare('select * from windows where device = ?'),
    exchanges: value('select packet from exchanges where client = ?'),
    insertGroup: prepare(
      'insert into groups (id, last, checksum, traceparent, body) values (?, ?, ?, ?, ?)',
    ),
    setHead: prepare('update streams set accepted = ?, unkeyed = ?, duplicates = ? where id = ?'),
    setWindow: prepare(`insert into windows (device, boot, used, highest, seen)
      values (?, ?, ?, ?, ?) on conflict do update
      set used = excluded.used, highest = excluded.highest, seen = excluded.seen`),
    evictBoot: prepare('delete from windows where device = ? and boot = ?'),
    takeExchange: prepare(
      'insert into exchanges (client, packet) values (?, ?) on conflict do nothing',
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
    setAcknowledged: prepare('update streams set acknowledged = ? where id = ?'),
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
    settle: prepare(`insert into settlements (id, last, kind, reason, at_micros)
      values (@low, @last, @kind, @reason, @atMicros)`),
  };
}

function writeTurn(sql: Statements, turn: TurnWrite): void {
  for (const { stream, range, body, traceparent } of turn.groups)
    sql.insertGroup.run(rowId(stream, range.first), range.last, crc32(body), traceparent, body);
  for (const head of turn.heads)
    sql.setHead.run(head.accepted, head.unkeyed, head.duplicates, head.stream);
  for (const { device, boot } of turn.evictedBoots) sql.evictBoot.run(device, boot);
  for (const { device, window } of turn.windows) {
    const { boot, used, highest, seen } = window;
    sql.setWindow.run(device, boot, used, highest, windowToBytes(seen));
  }
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
    sql.takeExchange.run(clientId, packetId);
    sql.boundExchanges.run(EXCHANGES_MAX);
  }
}

function writeBlock(sql: Statements, stream: number, block: Block): void {
  const first = block.firstSequence;
  const range = { first, last: first + BigInt(block.count) - 1n };
  sql.deleteGroups.run(rowSpan(stream, range));
  const bytes = Block.encode(block).finish();
  sql.insertBlock.run(rowId(stream, first), range.last, block.body.byteLength, bytes);
}

function readBlock(sql: Statements, id: bigint): Block | undefined {
  try {
    const bytes = sql.block.get(id) as Uint8Array | undefined;
    return bytes && Block.decode(bytes);
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

export function rowId(stream: number, first: bigint): bigint {
  assert(first <= SEQUENCE_MAX, 'a sequence fits its bits of a row id');
  return (BigInt(stream) << SEQUENCE_BITS) | first;
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
    intact: crc32(body) === Number(row['checksum']),
  };
}

function bootWindow(row: Row): BootWindow {
  return {
    boot: row['boot'] as string,
    used: Number(row['used']),
    highest: row['highest'] as bigint,
    seen: windowFromBytes(row['seen'] as Uint8Array),
  };
}

export function streamRow(row: Row, sql: Pick<Statements, 'settlements'>): StreamRow {
  const id = Number(row['id']);
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

export function settlement(row: Row): Settlement {
  const kind = SETTLEMENTS.find((known) => known === row['kind']);
  if (!kind) throw new AppError('STORE_DAMAGED', `the buffer names an unknown end ${row['kind']}`);
  const first = (row['id'] as bigint) & SEQUENCE_MAX;
  return { kind, range: { first, last: row['last'] as bigint }, reason: row['reason'] as string };
}

function positionToText(position: PositionSet): string {
  return JSON.stringify(position, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}

function positionFromText(text: string): PositionSet {
  try {
    const { contiguous, ranges } = JSON.parse(text) as {
      contiguous: string;
      ranges: { first: string; last: string }[];
    };
    return {
      contiguous: BigInt(contiguous),
      ranges: ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
    };
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', 'a position of the buffer is unreadable', { cause });
  }
}
