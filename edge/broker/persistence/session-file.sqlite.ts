import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  assertDurable,
  type Database,
  isCorrupt,
  openSqliteFile,
  setAsideSqliteFile,
} from '@holdfast/shared/runtime/sqlite.ts';

/** The version of the file's own format. A newer one is refused, never guessed at. */
export const SESSIONS_FORMAT = 1;

const SCHEMA = `
  create table meta (name text primary key, value any not null) strict, without rowid;
  create table sessions (
    client text primary key,
    idle_ms integer not null default 0
  ) strict, without rowid;
  create table subscriptions (
    client text not null,
    topic text not null,
    qos integer not null,
    options text not null,
    primary key (client, topic)
  ) strict, without rowid;
  create table retained (
    topic text primary key,
    payload any not null,
    qos integer not null,
    rest text not null,
    bytes integer not null
  ) strict;
  create table outgoing (
    id integer primary key,
    client text not null,
    cmd text not null,
    broker text,
    counter integer,
    message integer,
    topic text,
    payload any,
    qos integer not null,
    retain integer not null,
    bytes integer not null
  ) strict;
  create index outgoing_in_order on outgoing (client, id, counter, broker, bytes);
  create index outgoing_by_message on outgoing (client, message, id);
  create table incoming (
    client text not null,
    message integer not null,
    topic text,
    payload any,
    qos integer not null,
    retain integer not null,
    dup integer not null,
    primary key (client, message)
  ) strict;
  create table wills (
    client text primary key,
    broker text not null,
    topic text not null,
    payload any not null,
    qos integer not null,
    retain integer not null
  ) strict;
`;
const TABLES = 7;
/** All of it is read at the start and then written only. */
const CACHE_BYTES = 1024 * 1024;

export interface SessionFile {
  readonly database: Database;
  /** Where the damaged file went that stood in its place. */
  readonly setAside: string | undefined;
}

/**
 * Opens the file of the sessions, or makes it. A damaged one is set aside and kept, and a fresh one
 * takes its place: subscribers subscribe again, and no stored reading is touched (I2).
 * Throws PROTOCOL_UNSUPPORTED when a later version wrote the file.
 */
export function openSessionFile(path: string, runtime: Runtime): SessionFile {
  try {
    return { database: openOrCreate(path), setAside: undefined };
  } catch (cause) {
    if (!isCorrupt(cause)) throw cause;
    const setAside = setAsideSqliteFile(path, runtime.clock.nowMicros());
    runtime.log.error(
      { err: cause, setAside },
      'the sessions file is damaged: it was set aside, and a fresh one takes its place',
    );
    return { database: openOrCreate(path), setAside };
  }
}

function openOrCreate(path: string): Database {
  const database = openSqliteFile(path, { cacheBytes: CACHE_BYTES });
  try {
    const tables = database.prepare("select count(*) from sqlite_schema where type = 'table'");
    if (tables.pluck().get() === 0) create(database);
    // The limits bound the file, so that reading all of it at each start is affordable.
    const found = database.pragma('quick_check(1)', { simple: true });
    if (found !== 'ok' || tables.pluck().get() !== TABLES)
      throw new AppError('STORE_DAMAGED', `${path} is no sound sessions file: ${found}`);
    checkFormat(database, path);
    assertDurable(database);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

function create(database: Database): void {
  database
    .transaction(() => {
      database.exec(SCHEMA);
      database.prepare("insert into meta values ('format', ?)").run(SESSIONS_FORMAT);
    })
    .immediate();
}

function checkFormat(database: Database, path: string): void {
  const format = database.prepare("select value from meta where name = 'format'").pluck().get();
  if (format === SESSIONS_FORMAT) return;
  throw new AppError(
    'PROTOCOL_UNSUPPORTED',
    `${path} has format ${format}; this version reads format ${SESSIONS_FORMAT}`,
    { hint: 'Start the version that wrote the file, or a later one.' },
  );
}
