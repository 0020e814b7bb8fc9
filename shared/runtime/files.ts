import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface WriteFileOptions {
  /** Permission bits, set whatever the process's umask is. */
  readonly mode: number;
}

/**
 * Replaces the file. When this returns, the data survives a power cut; a reader sees the old file
 * or the new one, never a part, and a crash in between leaves at most a `.tmp` file beside it. The
 * folder must exist.
 */
export function writeFileDurably(
  path: string,
  data: Uint8Array | string,
  options: WriteFileOptions,
): void {
  const temporary = writeTemporary(path, data, options);
  try {
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
  syncFolder(dirname(path));
}

/**
 * Like `writeFileDurably`, but never replaces: false when the file was there, also when another
 * process made it at this moment. Either way the file that is there when this returns survives a
 * power cut.
 */
export function createFileDurably(
  path: string,
  data: Uint8Array | string,
  options: WriteFileOptions,
): boolean {
  const temporary = writeTemporary(path, data, options);
  try {
    // A link, because it fails when the name is taken; a rename would replace what another process
    // just made.
    linkSync(temporary, path);
    return true;
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return false;
    throw cause;
  } finally {
    rmSync(temporary, { force: true });
    syncFolder(dirname(path));
  }
}

/** The file's bytes, or undefined when there is no such file. */
export function readFileIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}

/** Renames a damaged file aside, so that it can be read later; returns its new name. */
export function setAsideFile(path: string, atMicros: bigint): string {
  const target = `${path}.damaged-${atMicros}`;
  renameSync(path, target);
  syncFolder(dirname(path));
  return target;
}

/** A file's bytes by their place, however large it is. */
export interface ByteFile {
  readonly size: number;
  /** Fewer bytes where the file ends. */
  read(offset: number, length: number): Buffer;
  close(): void;
}

/** Opens the file for reading; undefined when there is no such file. */
export function openByteFile(path: string): ByteFile | undefined {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
  return {
    size: fstatSync(handle).size,
    read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      const got = readSync(handle, bytes, 0, length, offset);
      return bytes.subarray(0, got);
    },
    close: () => closeSync(handle),
  };
}

/** A small file that is written over in place, again and again, and is never synced. */
export interface ScratchFile {
  write(offset: number, bytes: Uint8Array): void;
  close(): void;
}

/**
 * Opens the file, or makes it. Its name survives a power cut when this returns; what is written
 * survives the end of the process, and a power cut when the system has written it out by then.
 */
export function openScratchFile(path: string, { mode }: WriteFileOptions): ScratchFile {
  const isNew = readFileIfThere(path) === undefined;
  const handle = openSync(path, isNew ? 'w' : 'r+', mode);
  if (isNew) syncFolder(dirname(path));
  return {
    write: (offset, bytes) => void writeSync(handle, bytes, 0, bytes.byteLength, offset),
    close: () => closeSync(handle),
  };
}

/**
 * Makes the folder and its parents, and syncs their names. A folder that is there keeps its mode.
 */
export function ensureFolder(path: string, mode: number): void {
  const folder = resolve(path);
  const parent = dirname(folder);
  // From the top, each name synced before anything is made below it: so the names above a folder
  // that is there are safe, whoever was killed in here.
  if (parent !== folder && !existsSync(folder)) ensureFolder(parent, mode);
  const made = mkdirSync(folder, { recursive: true, mode }) !== undefined;
  if (made) syncFolder(parent);
  else syncFolderIfAllowed(parent);
}

/** Its own name is what may be left to sync, by who made it and was killed. */
function syncFolderIfAllowed(path: string): void {
  try {
    syncFolder(path);
  } catch (cause) {
    // A folder that is closed to this user, or read-only, is one where this user made no name.
    if (!['EACCES', 'EPERM', 'EROFS'].some((code) => hasCode(cause, code))) throw cause;
  }
}

/** Makes created, renamed and removed names of the folder survive a power cut. */
export function syncFolder(path: string): void {
  // Windows has no handle for a folder's entries; NTFS journals them itself.
  if (process.platform === 'win32') return;
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeTemporary(
  path: string,
  data: Uint8Array | string,
  { mode }: WriteFileOptions,
): string {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const handle = openSync(temporary, 'wx', mode);
  try {
    fchmodSync(handle, mode);
    writeFileSync(handle, data);
    fsyncSync(handle);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  } finally {
    closeSync(handle);
  }
  return temporary;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
