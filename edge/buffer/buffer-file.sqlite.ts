import { existsSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { uuidV7 } from '@holdfast/shared/lib/ids.ts';
import { syncFolder } from '@holdfast/shared/runtime/files.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  assertDurable,
  type Database,
  isCorrupt,
  openSqliteFile,
} from '@holdfast/shared/runtime/sqlite.ts';
import { sqliteBufferStore } from './buffer-store.sqlite.ts';
import type { OpenedStore } from './buffer-store.ts';

/** The version of the file's own format. A newer one is refused, never guessed at. */
export const BUFFER_FORMAT = 1;

const SCHEMA = `
  create table meta (name text primary key, value any not null) strict, without rowid;
  create table streams (
    id integer primary key,
    incarnation text not null,
    lane text not null,
    accepted integer not null default 0,
    unkeyed integer not null default 0,
    duplicates integer not null default 0,
    acknowledged text not null,
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
    at_micros integer not null
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
    primary key (device, boot)
  ) strict, without rowid;
  create table exchanges (
    id integer primary key,
    client text not null,
    packet integer not null,
    unique (client, packet)
  ) strict;
`;

/**
 * Opens the buffer's file and reads its positions, or makes it under a new incarnation. A damaged
 * file is set aside and kept, and a fresh one takes its place: the gateway starts (I2), and no
 * sequence is given out twice under one incarnation.
 * Throws PROTOCOL_UNSUPPORTED when a later version wrote the file.
 */
export function openBufferStore(path: string, runtime: Runtime): OpenedStore {
  try {
    return { ...openOrCreate(path, runtime), quarantined: undefined };
  } catch (cause) {
    if (!isCorrupt(cause)) throw cause;
    const quarantined = quarantine(path, runtime);
    runtime.log.error(
      { err: cause, quarantined },
      'the buffer file is damaged: it was set aside, and a fresh one takes its place',
    );
    return { ...openOrCreate(path, runtime), quarantined };
  }
}

function openOrCreate(path: string, runtime: Runtime): Omit<OpenedStore, 'quarantined'> {
  const database = openSqliteFile(path);
  try {
    database.defaultSafeIntegers(true);
    if (tableCount(database) === 0n) create(database, runtime);
    checkFormat(database, path);
    assertDurable(database);
    const store = sqliteBufferStore(database, incarnationOf(database, path), runtime);
    const soon = (callback: () => void): void => void setImmediate(callback);
    return { store, streams: store.streams(), soon };
  } catch (cause) {
    database.close();
    throw cause;
  }
}

export function tableCount(database: Database): bigint {
  return database.prepare('select count(*) from sqlite_schema').pluck().get() as bigint;
}

/** In one transaction: a file has its whole schema and an incarnation, or nothing. */
function create(database: Database, { clock, random }: Runtime): void {
  const incarnation = uuidV7(clock.now(), random.bytes(10));
  database
    .transaction(() => {
      database.exec(SCHEMA);
      const meta = database.prepare('insert into meta (name, value) values (?, ?)');
      meta.run('format', BigInt(BUFFER_FORMAT));
      meta.run('incarnation', incarnation);
      const stream = database.prepare(
        'insert into streams (incarnation, lane, acknowledged) values (?, ?, ?)',
      );
      for (const lane of LANES) stream.run(incarnation, lane, NOTHING_ACKNOWLEDGED);
    })
    .immediate();
}

const NOTHING_ACKNOWLEDGED = JSON.stringify({ contiguous: '0', ranges: [] });

export function checkFormat(database: Database, path: string): void {
  const format = meta(database, path, 'format');
  if (format === BigInt(BUFFER_FORMAT)) return;
  throw new AppError(
    'PROTOCOL_UNSUPPORTED',
    `${path} has format ${format}; this version reads format ${BUFFER_FORMAT}`,
    { hint: 'Start the version that wrote the file, or a later one.' },
  );
}

export function incarnationOf(database: Database, path: string): string {
  const incarnation = meta(database, path, 'incarnation');
  if (typeof incarnation === 'string') return incarnation;
  throw new AppError('STORE_DAMAGED', `${path} names no incarnation`);
}

function meta(database: Database, path: string, name: string): unknown {
  const held = database
    .prepare("select count(*) from sqlite_schema where name in ('meta', 'streams', 'groups')")
    .pluck()
    .get();
  if (held !== 3n) throw new AppError('STORE_DAMAGED', `${path} is not a buffer file`);
  return database.prepare('select value from meta where name = ?').pluck().get(name);
}

/**
 * Renames the file and its write-ahead log aside, together, so that what they hold can be read
 * later.
 */
function quarantine(path: string, { clock }: Runtime): string {
  const target = `${path}.damaged-${clock.nowMicros()}`;
  for (const suffix of ['-wal', '-shm', ''])
    if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  syncFolder(dirname(path));
  return target;
}
