import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import {
  type Database,
  isCorrupt,
  isHalfMade,
  sqliteCode,
} from '@holdfast/shared/runtime/sqlite.ts';
import { openBufferPagesReadonly } from './buffer-pages.sqlite.ts';
import { checkFormat, incarnationOf, tableCount } from './buffer-schema.sqlite.ts';
import { type Row, streamRow } from './buffer-store.sqlite.ts';
import type { StreamRow } from './buffer-store.ts';
import type {
  BufferOnDisk,
  BufferReader,
  DatedSettlement,
  HeldChunk,
  QuarantinedFile,
  SalvageRecord,
  StoredRow,
} from './inspection/buffer-reader.ts';
import { rowId, SEQUENCE_MAX } from './row-id.ts';
import { settlement } from './settlement-rows.sqlite.ts';

/** A chunk's rows and their bytes: what stays in memory, and how long its view is open. */
const CHUNK_ROWS_MAX = 256;
const CHUNK_BYTES_MAX = 1024 * 1024;

export function bufferOnDisk(file: string): BufferOnDisk {
  return {
    file,
    open() {
      if (sizeOf(file) === 0) throw nothingThere(file);
      const database = openToLook(file);
      try {
        return readable(file, () => bufferReader(database, file));
      } catch (cause) {
        database.close();
        throw cause;
      }
    },
    quarantined: () => quarantinedBeside(file),
  };
}

function openToLook(file: string): Database {
  try {
    return openBufferPagesReadonly(file);
  } catch (cause) {
    throw isHalfMade(cause) ? nothingThere(file) : cause;
  }
}

/** 0 when there is no such file: SQLite would make what it only has to look at. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function nothingThere(file: string): AppError {
  return new AppError('CONFIG_INVALID', `there is no buffer at ${file}, or it holds nothing yet`, {
    hint: 'A gateway makes it at its first start. Is dataDir (HOLDFAST_DATA_DIR) that gateway’s?',
  });
}

function quarantinedBeside(file: string): QuarantinedFile[] {
  const start = `${basename(file)}.damaged-`;
  return readdirSync(dirname(file))
    .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
    .sort()
    .map((name) => join(dirname(file), name))
    .map((path) => ({ file: path, bytes: sizeOf(path) }));
}

/** SQLite's complaints about the file as ours. */
function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof AppError || !isUnreadable(cause)) throw cause;
    throw new AppError('STORE_DAMAGED', `${file} is damaged: ${messageOf(cause)}`, {
      cause,
      hint: 'holdfast-gateway verify says what of it is readable.',
    });
  }
}

function isUnreadable(error: unknown): boolean {
  return isCorrupt(error) || sqliteCode(error).startsWith('SQLITE_IOERR');
}

function bufferReader(database: Database, file: string): BufferReader {
  if (tableCount(database) === 0n) throw nothingThere(file);
  checkFormat(database, file);
  const sql = prepareStatements(database);
  const inOneView = <T>(read: () => T): T => readable(file, () => database.transaction(read)());
  const streamNow = rememberedStreams(database, sql);
  return {
    fileBytes: Number(sql.fileBytes.get()),
    incarnation: incarnationOf(database, file),
    turn: (sql.turn.get() as Uint8Array | undefined) ?? new Uint8Array(),
    salvage: salvageOf(sql.salvage.get()),
    streams: () => inOneView(() => sql.streams.all().map((row) => streamRow(row as Row, sql))),
    totals: (stream) =>
      inOneView(() => {
        const span = { low: rowId(stream, 1n), high: rowId(stream, SEQUENCE_MAX) };
        const groups = sql.groupTotals.get(span) as { count: bigint; bytes: bigint };
        const blocks = sql.blockTotals.get(span) as { count: bigint; bytes: bigint };
        const bytes = groups.bytes + blocks.bytes;
        return { groups: groups.count, blocks: blocks.count, bytes };
      }),
    settlementOf: (stream, sequence) =>
      inOneView(() => {
        const where = { low: rowId(stream, 1n), id: rowId(stream, sequence), sequence };
        const row = sql.settlementOf.get(where) as Row | undefined;
        return row && dated(row);
      }),
    held: (stream, span) =>
      readable(file, () => readChunk(database, { sql, streamNow, stream, span })),
    structureProblems: (limit) =>
      readable(file, () => {
        const found = database.pragma(`quick_check(${limit})`) as { quick_check: string }[];
        return found.map((row) => row.quick_check).filter((text) => text !== 'ok');
      }),
    close: () => database.close(),
  };
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Database) {
  const value = (source: string) => database.prepare(source).pluck();
  const within = 'where id between @low and @high';
  const totals = (table: string, column: string) =>
    database.prepare(`select count(*) as count, coalesce(sum(length(${column})), 0) as bytes
      from ${table} ${within}`);
  return {
    fileBytes: value('select page_count * page_size from pragma_page_count, pragma_page_size'),
    turn: value("select value from meta where name = 'turn'"),
    salvage: value("select value from meta where name = 'salvage'"),
    streams: database.prepare('select * from streams order by id'),
    stream: database.prepare('select * from streams where id = ?'),
    settlements: database.prepare('select * from settlements where id between ? and ? order by id'),
    settlementOf: database.prepare(`select * from settlements
      where id between @low and @id and last >= @sequence order by id desc limit 1`),
    groupTotals: totals('groups', 'body'),
    blockTotals: totals('blocks', 'block'),
    floor: value(`select max(id) from (
      select max(id) as id from groups where id between @low and @id
      union all select max(id) as id from blocks where id between @low and @id)`),
    heads: database.prepare(`
      select id, last, 'group' as kind, length(body) as bytes from groups ${within}
      union all select id, last, 'block' as kind, length(block) as bytes from blocks ${within}
      order by id`),
    group: database.prepare('select checksum, body from groups where id = ?'),
    block: database.prepare('select block as body from blocks where id = ?'),
  };
}

function salvageOf(text: unknown): SalvageRecord | undefined {
  return typeof text === 'string' ? (JSON.parse(text) as SalvageRecord) : undefined;
}

/** A lane's settlements can be many, and are read again only when the file changed. */
function rememberedStreams(database: Database, sql: Statements) {
  const rows = new Map<number, StreamRow>();
  let version = -1;
  return (id: number): { row: StreamRow; version: number } => {
    const present = Number(database.pragma('data_version', { simple: true }));
    if (present !== version) rows.clear();
    version = present;
    const row = rows.get(id) ?? streamRow(sql.stream.get(id) as Row, sql);
    rows.set(id, row);
    return { row, version };
  };
}

function dated(row: Row): DatedSettlement {
  return { ...settlement(row), atMicros: row['at_micros'] as bigint };
}

interface Head {
  readonly id: bigint;
  readonly last: bigint;
  readonly kind: 'group' | 'block';
  readonly bytes: bigint;
}

/** In one view of the file. Damage ends the chunk early, with a place to go on. */
function readChunk(
  database: Database,
  from: {
    sql: Statements;
    streamNow: ReturnType<typeof rememberedStreams>;
    stream: number;
    span: SequenceRange;
  },
): HeldChunk {
  const { sql, streamNow, stream, span } = from;
  let read: { row: StreamRow; version: number } | undefined;
  const rows: StoredRow[] = [];
  try {
    const complete = database.transaction(() => {
      read = streamNow(stream);
      return readRows(sql, { stream, span, rows });
    })();
    return { stream: read!.row, version: read!.version, rows, complete, damage: undefined };
  } catch (cause) {
    if (!read || !isUnreadable(cause)) throw cause;
    const next = nextAfter(rows, span.first);
    const resume = findable(sql, stream, { first: next, last: span.last });
    const damage = { reason: messageOf(cause), resume };
    return { stream: read.row, version: read.version, rows, complete: false, damage };
  }
}

function nextAfter(rows: readonly StoredRow[], first: bigint): bigint {
  const last = rows.at(-1)?.range.last ?? 0n;
  return last >= first ? last + 1n : first;
}

/**
 * The first sequence behind a damaged page from where rows can be found again; undefined when there
 * is none.
 */
function findable(sql: Statements, stream: number, span: SequenceRange): bigint | undefined {
  const isFindable = (sequence: bigint): boolean => {
    try {
      for (const _ of headsFrom(sql, stream, { first: sequence, last: span.last })) break;
      return true;
    } catch (cause) {
      if (isUnreadable(cause)) return false;
      throw cause;
    }
  };
  let bad = span.first;
  let good = span.first + 1n;
  for (let step = 1n; good <= span.last && !isFindable(good); step *= 2n) {
    bad = good;
    good += step;
  }
  if (good > span.last) return undefined;
  while (good - bad > 1n) {
    const middle = (good + bad) / 2n;
    if (isFindable(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Adds to `rows`; returns whether these are all of the span. */
function readRows(
  sql: Statements,
  { stream, span, rows }: { stream: number; span: SequenceRange; rows: StoredRow[] },
): boolean {
  let bytes = 0;
  let count = 0;
  for (const head of headsFrom(sql, stream, span)) {
    if (bytes >= CHUNK_BYTES_MAX || count === CHUNK_ROWS_MAX) return false;
    bytes += Number(head.bytes);
    count += 1;
    const startsBefore = (head.id & SEQUENCE_MAX) < span.first;
    if (!startsBefore || head.last >= span.first) rows.push(readRow(sql, head));
  }
  return true;
}

/** Without the bodies: these stay findable when a body's pages are damaged. */
function headsFrom(sql: Statements, stream: number, span: SequenceRange): IterableIterator<Head> {
  const first = rowId(stream, span.first);
  const floor = sql.floor.get({ low: rowId(stream, 1n), id: first }) as bigint | null;
  const where = { low: floor ?? first, high: rowId(stream, span.last) };
  return sql.heads.iterate(where) as IterableIterator<Head>;
}

function readRow(sql: Statements, { id, last, kind }: Head): StoredRow {
  const range = { first: id & SEQUENCE_MAX, last };
  try {
    const statement = kind === 'group' ? sql.group : sql.block;
    const row = statement.get(id) as { checksum?: bigint; body: Uint8Array } | undefined;
    // Walked over and not found: the tree above it is damaged.
    if (!row) return { kind, range, checksum: undefined, bytes: undefined };
    const checksum = row.checksum === undefined ? undefined : Number(row.checksum);
    return { kind, range, checksum, bytes: row.body };
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause;
    return { kind, range, checksum: undefined, bytes: undefined };
  }
}
