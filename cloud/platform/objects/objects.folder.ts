import type { Dirent } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { ensureFolder } from '@holdfast/shared/runtime/files.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  FOLDER_MODE,
  hasCode,
  makeFolders,
  openObjectFile,
  syncFolder,
  writeObjectFile,
} from './object-file.folder.ts';
import {
  CONTENT_TYPE_CHARS_MAX,
  KEY_CHARS_MAX,
  KEY_PART_CHARS_MAX,
  LIST_LIMIT_MAX,
  type ListOptions,
  OBJECT_BYTES_MAX,
  type ObjectBody,
  type ObjectInfo,
  type Objects,
  type PutOptions,
  type StoredObject,
} from './objects.ts';

/** No key has it, so that the file of `a` and the folder of `a/b` stand side by side. */
const FILE_SUFFIX = '=object';
const TEMPORARY_SUFFIX = '.tmp';
/** An older temporary file was left by a crash; a younger one may be another process's. */
const TEMPORARY_AGE_MS_MAX = 3_600_000;

export interface FolderObjectsOptions {
  /** Made when absent. */
  readonly dir: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
}

/** One file per object below a folder. A folder that has become empty stays. */
export async function openFolderObjects(options: FolderObjectsOptions): Promise<Objects> {
  ensureFolder(options.dir, FOLDER_MODE);
  await dropLeftovers(options.dir, options.runtime.clock.now());
  return new FolderObjects(options);
}

class FolderObjects implements Objects {
  readonly #dir: string;
  readonly #runtime: FolderObjectsOptions['runtime'];
  #closed = false;

  constructor({ dir, runtime }: FolderObjectsOptions) {
    this.#dir = dir;
    this.#runtime = runtime;
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectInfo> {
    const path = this.#pathOf(key);
    const { contentType, checksum, bytesMax = OBJECT_BYTES_MAX } = options;
    checkContentType(contentType);
    await makeFolders(this.#dir, dirname(path));
    const limit = Math.min(bytesMax, OBJECT_BYTES_MAX);
    const { random } = this.#runtime;
    const info = await writeObjectFile(path, {
      body,
      contentType,
      checksum,
      bytesMax: limit,
      random,
    });
    return { key, ...info };
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const file = await openObjectFile(this.#pathOf(key));
    return file && { key, ...file.info, body: file.body, close: file.close };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const file = await openObjectFile(this.#pathOf(key));
    await file?.close();
    return file && { key, ...file.info };
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await rm(path, { force: true });
    // Also when it was not there: whoever deleted it may have been killed before the sync.
    await syncFolder(dirname(path)).catch((cause) => {
      if (!hasCode(cause, 'ENOENT')) throw cause;
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<readonly string[]> {
    this.#assertOpen();
    const { after = '', limit = LIST_LIMIT_MAX } = options;
    const found: string[] = [];
    const wanted = Math.min(limit, LIST_LIMIT_MAX);
    for await (const key of keysBelow(this.#dir, '', { prefix, after })) {
      if (found.length === wanted) break;
      found.push(key);
    }
    return found;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #pathOf(key: string): string {
    this.#assertOpen();
    checkKey(key);
    return join(this.#dir, `${key}${FILE_SUFFIX}`);
  }

  #assertOpen(): void {
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the objects are closed');
  }
}

interface Range {
  readonly prefix: string;
  readonly after: string;
}

interface FolderEntry {
  readonly key: string;
  /** Its name, where it is one. */
  readonly folder?: string;
}

/** In the order of the keys' bytes; folders that hold none of the range are not opened. */
async function* keysBelow(folder: string, above: string, range: Range): AsyncIterable<string> {
  const entries = (await entriesOf(folder)).flatMap((entry): FolderEntry[] => {
    if (entry.isDirectory()) return [{ key: `${above}${entry.name}/`, folder: entry.name }];
    if (!entry.name.endsWith(FILE_SUFFIX)) return [];
    return [{ key: `${above}${entry.name.slice(0, -FILE_SUFFIX.length)}` }];
  });
  // Names are ASCII, so that code units are bytes. A folder's key ends in '/', as all below it do.
  for (const entry of entries.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    if (entry.folder === undefined) {
      if (entry.key.startsWith(range.prefix) && entry.key > range.after) yield entry.key;
    } else if (mayHold(entry.key, range)) {
      yield* keysBelow(join(folder, entry.folder), entry.key, range);
    }
  }
}

function mayHold(folderKey: string, { prefix, after }: Range): boolean {
  if (!folderKey.startsWith(prefix) && !prefix.startsWith(folderKey)) return false;
  return folderKey > after || after.startsWith(folderKey);
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true });
}

const KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/;

function checkKey(key: string): void {
  const isKey =
    key.length <= KEY_CHARS_MAX &&
    KEY.test(key) &&
    key.split('/').every((part) => part.length <= KEY_PART_CHARS_MAX);
  if (isKey) return;
  throw new AppError('REQUEST_INVALID', `${JSON.stringify(key.slice(0, 100))} is no object's key`, {
    hint: "Parts of a-z, 0-9, '.', '_' and '-', joined by '/'; each begins with a-z or 0-9.",
  });
}

function checkContentType(contentType: string): void {
  const isFine = contentType.length <= CONTENT_TYPE_CHARS_MAX && /^[ -~]+$/.test(contentType);
  if (!isFine) throw new AppError('REQUEST_INVALID', 'the content type is empty, long or no ASCII');
}

async function dropLeftovers(folder: string, nowMs: number): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await dropLeftovers(path, nowMs);
    else if (entry.name.endsWith(TEMPORARY_SUFFIX)) await dropIfOld(path, nowMs);
  }
}

async function dropIfOld(path: string, nowMs: number): Promise<void> {
  const found = await stat(path).catch((cause) => {
    // Its process has finished it meanwhile.
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw cause;
  });
  if (found && nowMs - found.mtimeMs > TEMPORARY_AGE_MS_MAX) await rm(path, { force: true });
}
