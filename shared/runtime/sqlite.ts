import { closeSync, existsSync, fdatasync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import { AppError } from '../lib/app-error.ts';
import { messageOf } from '../lib/message-of.ts';
import { ensureFolder, syncFolder } from './files.ts';

/** One connection to one SQLite file. Its calls block the thread until they are done. */
export type Database = Sqlite.Database;

export interface OpenSqliteFileOptions {
  /** The file must exist; nothing can be written through this connection. */
  readonly readonly?: boolean;
  /**
   * Who makes commits durable: each commit itself, while the thread stands still, or the caller by
   * `openLogSync`, before it tells anybody. Default: each commit.
   */
  readonly syncs?: Syncs;
  /** Of a new file; an old one keeps what it was made with. Every connection names the same. */
  readonly layout?: SqliteLayout;
  /** Pages that this connection keeps in memory; the library's own choice is 16 MB. */
  readonly cacheBytes?: number;
}

export type Syncs = 'commit' | 'caller';

/** What a file is made of, where it matters how much is written and how much space is taken. */
export interface SqliteLayout {
  /** Each commit writes whole pages. */
  readonly pageBytes: number;
  /** When the log has grown so far, its pages are copied into the file, once each. */
  readonly checkpointBytes: number;
}

/** How long a statement waits for another process's lock before it fails with SQLITE_BUSY. */
export const BUSY_TIMEOUT_MS = 5_000;
/** A log that grew beyond this (behind a slow reader) is cut back at its next checkpoint. */
const WAL_BYTES_KEPT_MAX = 64 * 1024 * 1024;
/** "HoFa": tells a file of ours from any other SQLite file. */
const APPLICATION_ID = 0x486f4661;
/** With NORMAL the log is synced before each checkpoint and nowhere else. */
const SYNCHRONOUS = {
  commit: { name: 'FULL', level: 2 },
  caller: { name: 'NORMAL', level: 1 },
} as const satisfies Record<Syncs, object>;
const FOLDER_MODE = 0o700;

/**
 * Opens a SQLite file so that a commit is on disk when it returns (I1): write-ahead log and
 * `synchronous=FULL`, both set and read back, because the library's own default for a write-ahead
 * log is NORMAL, which loses the last commits in a power cut. Who asks for that with `syncs` syncs
 * the log itself. A new file's folder is made for its owner only, and its name is synced.
 *
 * Throws STORE_NOT_DURABLE, STORE_DAMAGED (see `isCorrupt`), or UNAVAILABLE with path and reason.
 */
export function openSqliteFile(path: string, options: OpenSqliteFileOptions = {}): Database {
  const file = resolve(path);
  const readonly = options.readonly ?? false;
  const isNew = !existsSync(file);
  let database: Database | undefined;
  try {
    if (isNew && !readonly) ensureFolder(dirname(file), FOLDER_MODE);
    database = new Sqlite(file, { readonly, fileMustExist: readonly, timeout: BUSY_TIMEOUT_MS });
    configure(database, options);
    if (isNew && !readonly) syncFolder(dirname(file));
    return database;
  } catch (cause) {
    database?.close();
    throw openFailure(file, cause);
  }
}

/**
 * Throws STORE_NOT_DURABLE unless this connection syncs as it should. Reading the file's first page
 * is what makes SQLite apply its default, so a writer asks again after its first write.
 */
export function assertDurable(database: Database, syncs: Syncs = 'commit'): void {
  const journal = database.pragma('journal_mode', { simple: true });
  const synchronous = Number(database.pragma('synchronous', { simple: true }));
  if (journal === 'wal' && synchronous >= SYNCHRONOUS[syncs].level) return;
  throw new AppError(
    'STORE_NOT_DURABLE',
    `${database.name} has journal_mode=${journal} and synchronous=${synchronous}`,
    {
      hint: 'The file must be on a local disk that supports a write-ahead log.',
      operatorOnly: true,
    },
  );
}

/** Syncs a file's write-ahead log beside the thread that writes it. */
export interface LogSync {
  /** What was committed before the call is on disk when it resolves; rejects when it may not be. */
  sync(): Promise<void>;
  close(): void;
}

const syncData = promisify(fdatasync);

/**
 * For a file that was opened with `syncs: 'caller'`. The log is there from the first commit until
 * the last connection closes, so one descriptor serves them all; a failure that it tells is never
 * told again (errseq in Linux), and whoever gets it must not trust the file any more.
 */
export function openLogSync(database: Database): LogSync {
  let log: number | undefined;
  return {
    sync() {
      log ??= openSync(`${database.name}-wal`, 'r+');
      return syncData(log);
    },
    close() {
      if (log !== undefined) closeSync(log);
      log = undefined;
    },
  };
}

/** True when the file itself is damaged or is no SQLite file: quarantine it, do not retry. */
export function isCorrupt(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'STORE_DAMAGED';
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error));
}

/**
 * Renames a damaged file and its write-ahead log aside, together, so that what they hold can be
 * read later. The name survives a power cut when this returns, and is the result; `as` is the file
 * that it stands for when that has another name by now.
 */
export function setAsideSqliteFile(path: string, atMicros: bigint, as = path): string {
  let target = `${as}.damaged-${atMicros}`;
  // A clock that was set back may give the same name again.
  for (let at = atMicros + 1n; existsSync(target); at++) target = `${as}.damaged-${at}`;
  moveSqliteFile(path, target);
  return target;
}

/**
 * Renames a file and its write-ahead log. The file itself goes first, and its new name is on disk
 * before the log follows: killed in between, the log without its file says that the move was under
 * way, and the same call ends it.
 */
export function moveSqliteFile(path: string, target: string): void {
  if (existsSync(path)) {
    renameSync(path, target);
    syncFolder(dirname(path));
  }
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${target}-wal`);
  rmSync(`${path}-shm`, { force: true });
  syncFolder(dirname(path));
}

/**
 * True when a connection that may write must open the file first: a process was killed while it
 * gave a new file its write-ahead log, which a file gets before anything else.
 */
export function isHalfMade(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return sqliteCode(cause) === 'SQLITE_READONLY_ROLLBACK';
}

/** True when another connection held the lock for too long: nothing was done, a retry can help. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error));
}

/** SQLite's own name of the failure (`SQLITE_FULL`), or an empty text for any other error. */
export function sqliteCode(error: unknown): string {
  return error instanceof Sqlite.SqliteError ? error.code : '';
}

/**
 * The operating error that a failure of SQLite is to the caller; any other error stays as it is.
 */
export function sqliteFailure(cause: unknown): unknown {
  const code = sqliteCode(cause);
  if (isBusy(cause)) {
    return new AppError('SQL_CONTENTION', 'another process kept the file locked', {
      cause,
      operatorOnly: true,
    });
  }
  if (code === 'SQLITE_FULL') {
    return new AppError('UNAVAILABLE', 'the disk of the database is full', {
      cause,
      hint: 'Free some space; nothing of the transaction was stored.',
      operatorOnly: true,
    });
  }
  if (code.startsWith('SQLITE_IOERR')) {
    // A second sync after a failed one may succeed without having written anything.
    return new AppError('STORE_NOT_DURABLE', `the disk failed: ${code}`, {
      cause,
      hint: 'Look at the disk, then restart the process; it verifies the file when it opens it.',
      operatorOnly: true,
    });
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new AppError('STORE_DAMAGED', `the database is damaged: ${code}`, {
      cause,
      operatorOnly: true,
    });
  }
  return cause;
}

/** An error of SQLite that came from another thread, where its class was lost. */
export function sqliteError(code: string, message: string): Error {
  return new Sqlite.SqliteError(message, code);
}

function configure(database: Database, options: OpenSqliteFileOptions): void {
  const { readonly = false, layout, cacheBytes, syncs = 'commit' } = options;
  if (layout) applyLayout(database, layout);
  if (cacheBytes !== undefined) database.pragma(`cache_size = -${Math.ceil(cacheBytes / 1024)}`);
  database.pragma('foreign_keys = ON');
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT_MAX}`);
  // On macOS fsync leaves the data in the drive's cache; elsewhere these two do nothing.
  database.pragma('fullfsync = ON');
  database.pragma('checkpoint_fullfsync = ON');
  database.pragma(`synchronous = ${SYNCHRONOUS[syncs].name}`);
  if (!readonly) enterWal(database);
  // The read is what applies SQLite's defaults, so it stands before the check.
  const stamp = database.pragma('application_id', { simple: true });
  // Who only reads makes nothing durable, and may look at a copy that has no log.
  if (readonly) return;
  if (stamp === 0) database.pragma(`application_id = ${APPLICATION_ID}`);
  assertDurable(database, syncs);
}

/** Before anything is written: a file has its pages' size, and their map, from its first one on. */
function applyLayout(database: Database, { pageBytes, checkpointBytes }: SqliteLayout): void {
  // A file that is there keeps its own, and saying so again would write: a full disk fails that.
  if (isEmptyFile(database.name)) {
    database.pragma(`page_size = ${pageBytes}`);
    // With the map, `incremental_vacuum` can give free pages back to the volume.
    database.pragma('auto_vacuum = INCREMENTAL');
  }
  database.pragma(`wal_autocheckpoint = ${Math.ceil(checkpointBytes / pageBytes)}`);
}

function isEmptyFile(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/**
 * Turning a new file into WAL needs it exclusively, and SQLite does not always wait for that lock:
 * two processes that make the same file at the same moment would fail each other.
 */
function enterWal(database: Database): void {
  for (let waitedMs = 0; ; waitedMs += 10) {
    try {
      database.pragma('journal_mode = WAL');
      return;
    } catch (cause) {
      if (!isBusy(cause) || waitedMs >= BUSY_TIMEOUT_MS) throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function openFailure(file: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const reason = messageOf(cause);
  if (isCorrupt(cause)) {
    return new AppError('STORE_DAMAGED', `${file} is damaged: ${reason}`, {
      cause,
      hint: 'Move the file away to start without it, or put a backup in its place.',
      operatorOnly: true,
    });
  }
  return new AppError('UNAVAILABLE', `cannot open ${file}: ${reason}`, {
    cause,
    hint: 'Look at the folder’s owner and mode, and at the free space of its disk.',
    operatorOnly: true,
  });
}
