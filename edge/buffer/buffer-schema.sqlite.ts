import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { EMPTY_POSITION, type PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { uuidV7 } from '@holdfast/shared/lib/ids.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, sqliteCode } from '@holdfast/shared/runtime/sqlite.ts';
import type { StreamKey } from './buffer-store.ts';
import { positionToText } from './position-text.ts';
import { rowChecksum } from './row-checksum.ts';

/** The version of the file's own format. A newer one is refused, never guessed at. */
export const BUFFER_FORMAT = 2;

/** A UUIDv7 begins with its time, 48 bits of milliseconds. */
const UUID_TIME_DIGITS = 12;

/**
 * `salvage/readable-row.ts` knows these tables by their shape, since it reads rows whose table is
 * no longer known: two tables must differ in the number or the types of their columns.
 */
export const SCHEMA = `
  create table meta (
    name text primary key,
    value any not null,
    checksum integer not null
  ) strict, without rowid;
  create table streams (
    id integer primary key,
    incarnation text not null,
    lane text not null,
    name_checksum integer not null,
    accepted integer not null,
    unkeyed integer not null,
    duplicates integer not null,
    head_checksum integer not null,
    acknowledged text not null,
    position_checksum integer not null,
    unique (incarnation, lane)
  ) strict;
  create table groups (
    id integer primary key,
    last integer not null,
    checksum integer not null,
    traceparent text not null,
    body blob not null
  ) strict;
  create table blocks (
    id integer primary key,
    last integer not null,
    body_bytes integer not null,
    block blob not null
  ) strict;
  create table settlements (
    id integer primary key,
    last integer not null,
    kind text not null,
    reason text not null,
    at_micros integer not null,
    checksum integer not null
  ) strict;
  create table set_aside (
    id integer primary key,
    last integer not null,
    bytes blob not null
  ) strict;
  create table windows (
    device text not null,
    boot text not null,
    used integer not null,
    highest integer not null,
    seen blob not null,
    checksum integer not null,
    primary key (device, boot)
  ) strict, without rowid;
  create table exchanges (
    id integer primary key,
    client text not null,
    packet integer not null,
    checksum integer not null,
    unique (client, packet)
  ) strict;
`;

/** As SQLite keeps each of them. */
const TABLES = SCHEMA.split(';')
  .map((table) => table.trim().replace('create table', 'CREATE TABLE'))
  .filter((table) => table !== '');

/** Formats before 2 were never released. */
const OLDER_HINT =
  'Let the version that wrote it drain it, or move the file away (in development: --fresh).';

/** Makes the tables of a new file under a new incarnation. */
export function createBuffer(database: Database, runtime: Runtime): void {
  database
    .transaction(() => {
      database.exec(SCHEMA);
      setMeta(database, 'format', BigInt(BUFFER_FORMAT));
      beginIncarnation(database, runtime);
    })
    .immediate();
}

/**
 * From now on messages are accepted under a new incarnation, from sequence 1; what is held of
 * earlier ones stays. Within a transaction.
 */
export function beginIncarnation(database: Database, { clock, random }: Runtime): string {
  const incarnation = uuidV7(laterThanAll(database, clock.now()), random.bytes(10));
  setMeta(database, 'incarnation', incarnation);
  // The last turn was given to the incarnation before.
  database.prepare("delete from meta where name = 'turn'").run();
  const highest = database.prepare('select coalesce(max(id), 0) from streams').pluck().get();
  const start = Number(highest);
  for (const [at, lane] of LANES.entries()) {
    const key = { id: start + 1 + at, incarnation, lane };
    insertStream(database, { ...key, accepted: 0n, acknowledged: EMPTY_POSITION });
  }
  return incarnation;
}

/** Incarnations sort by their age, whatever the wall clock says: stock goes out in that order. */
function laterThanAll(database: Database, nowMs: number): number {
  const newest = database.prepare('select max(incarnation) from streams').pluck().get();
  if (typeof newest !== 'string') return nowMs;
  const newestMs = Number.parseInt(newest.replaceAll('-', '').slice(0, UUID_TIME_DIGITS), 16);
  return Number.isNaN(newestMs) ? nowMs : Math.max(nowMs, newestMs + 1);
}

export interface NewStream extends StreamKey {
  readonly accepted: bigint;
  readonly acknowledged: PositionSet;
  readonly unkeyed?: number | bigint;
  readonly duplicates?: number | bigint;
}

export function insertStream(database: Database, stream: NewStream): void {
  const { id, incarnation, lane, accepted, unkeyed = 0, duplicates = 0 } = stream;
  const acknowledged = positionToText(stream.acknowledged);
  database
    .prepare('insert into streams values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(
      id,
      incarnation,
      lane,
      rowChecksum(id, incarnation, lane),
      accepted,
      unkeyed,
      duplicates,
      rowChecksum(id, accepted, unkeyed, duplicates),
      acknowledged,
      rowChecksum(id, acknowledged),
    );
}

export function setMeta(
  database: Database,
  name: string,
  value: string | bigint | Uint8Array,
): void {
  database
    .prepare('insert or replace into meta (name, value, checksum) values (?, ?, ?)')
    .run(name, value, rowChecksum(name, value));
}

/** Throws PROTOCOL_UNSUPPORTED when another version wrote the file, STORE_DAMAGED when none did. */
export function checkFormat(database: Database, path: string): void {
  const row = metaRow(database, path, 'format');
  if (row?.value === BigInt(BUFFER_FORMAT) && isWhole(row)) {
    checkTables(database, path);
    return;
  }
  if (!row || (row.checksum !== undefined && !isWhole(row)))
    throw new AppError('STORE_DAMAGED', `${path} does not say its format`);
  const isOlder = typeof row.value === 'bigint' && row.value < BUFFER_FORMAT;
  throw new AppError(
    'PROTOCOL_UNSUPPORTED',
    `${path} has format ${row.value}; this version reads format ${BUFFER_FORMAT}`,
    { hint: isOlder ? OLDER_HINT : 'Start the version that wrote the file, or a later one.' },
  );
}

/**
 * The file says itself what its tables are: one flipped bit there, and a column has another name or
 * another rule, which SQLite takes as it comes.
 */
function checkTables(database: Database, path: string): void {
  const tables = database.prepare('select sql from sqlite_schema where sql is not null').pluck();
  const found = new Set(tables.all());
  const isOurs = found.size === TABLES.length && TABLES.every((table) => found.has(table));
  if (!isOurs) throw foreignTables(path);
}

function foreignTables(path: string, cause?: unknown): AppError {
  const message = `the tables of ${path} are not those that a buffer is made with`;
  return new AppError('STORE_DAMAGED', message, { cause });
}

export function incarnationOf(database: Database, path: string): string {
  const row = metaRow(database, path, 'incarnation');
  if (row && typeof row.value === 'string' && isWhole(row)) return row.value;
  throw new AppError('STORE_DAMAGED', `${path} names no incarnation`);
}

export function tableCount(database: Database): bigint {
  return database.prepare('select count(*) from sqlite_schema').pluck().get() as bigint;
}

interface MetaRow {
  readonly name: string;
  readonly value: string | bigint | Uint8Array;
  /** Files of format 1 had none. */
  readonly checksum?: bigint;
}

function isWhole({ name, value, checksum }: MetaRow): boolean {
  return checksum === BigInt(rowChecksum(name, value));
}

function metaRow(database: Database, path: string, name: string): MetaRow | undefined {
  const held = database
    .prepare("select count(*) from sqlite_schema where name in ('meta', 'streams', 'groups')")
    .pluck()
    .get();
  if (held !== 3n) throw new AppError('STORE_DAMAGED', `${path} is not a buffer file`);
  try {
    return database.prepare('select * from meta where name = ?').get(name) as MetaRow | undefined;
  } catch (cause) {
    throw sqliteCode(cause) === 'SQLITE_ERROR' ? foreignTables(path, cause) : cause;
  }
}
