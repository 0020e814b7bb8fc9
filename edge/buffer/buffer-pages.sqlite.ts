import {
  type Database,
  openSqliteFile,
  type SqliteLayout,
} from '@holdfast/shared/runtime/sqlite.ts';

const MIB = 1024 * 1024;

/**
 * Small pages: a commit of few messages writes each page that it touches as a whole, and a device's
 * window or a lane's head is far smaller than that.
 */
const LAYOUT: SqliteLayout = { pageBytes: 1024, checkpointBytes: 4 * MIB };

/** A gateway writes what is new and reads it once: a larger cache would only hold memory. */
const CACHE_BYTES = 2 * MIB;

/** So much the file may hold free, for what comes next, beside as much as it holds in use. */
const FREE_BYTES_KEPT = 8 * MIB;
/** Moved and synced in one go: what is appended meanwhile waits for it. */
const STEP_BYTES = MIB / 4;

/** A connection that may write, to a buffer's file or to one that is made by it. */
export function openBufferPages(path: string): Database {
  const database = openSqliteFile(path, { layout: LAYOUT, cacheBytes: CACHE_BYTES });
  return database.defaultSafeIntegers(true);
}

/** A connection that only reads, whatever wrote the file. */
export function openBufferPagesReadonly(path: string): Database {
  const database = openSqliteFile(path, { readonly: true, cacheBytes: CACHE_BYTES });
  return database.defaultSafeIntegers(true);
}

/** More than half of the file is free, beside what it may keep. */
export function isMostlyFree(database: Database): boolean {
  const pages = figure(database, 'page_count');
  const free = figure(database, 'freelist_count');
  return 2 * free - pages > FREE_BYTES_KEPT / LAYOUT.pageBytes;
}

/**
 * Gives some of the file's free space back to the volume. Pages at the file's end move to where
 * there is room: they are written once more, so a file that is soon full again is left as it is.
 */
export function giveSpaceBack(database: Database): void {
  database.pragma(`incremental_vacuum(${STEP_BYTES / LAYOUT.pageBytes})`);
}

function figure(database: Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}
