import { lstatSync, readdirSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import {
  createFileDurably,
  ensureFolder,
  readFileIfThere,
  syncFolder,
  writeFileDurably,
} from '@holdfast/shared/runtime/files.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Secrets } from './secrets.ts';

export const NAME_LENGTH_MAX = 200;
export const VALUE_BYTES_MAX = 64 * 1024;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const GROUP_AND_OTHERS = 0o077;
/**
 * A temporary file that is older than this was left by a crash; a younger one may be another
 * process's.
 */
const TEMPORARY_AGE_MS_MAX = 3_600_000;

export interface FileSecretsOptions {
  /** Made with mode 0700 when absent. */
  readonly dir: string;
  readonly runtime: Pick<Runtime, 'clock'>;
}

/**
 * One file per secret, mode 0600, in a folder of mode 0700 that belongs to this user. Several
 * processes of the user may share it. Throws CONFIG_INVALID when anyone else could read the folder
 * or a file in it.
 */
export function openFileSecrets({ dir, runtime }: FileSecretsOptions): Secrets {
  ensureFolder(dir, FOLDER_MODE);
  assertPrivate(dir);
  dropLeftovers(dir, runtime.clock.now());
  let closed = false;
  const pathOf = (name: string): string => {
    if (closed) throw new AppError('UNAVAILABLE', 'the secrets are closed');
    return join(dir, fileName(name));
  };
  return {
    async read(name) {
      return readFileIfThere(pathOf(name));
    },
    async write(name, value) {
      writeFileDurably(pathOf(name), checked(name, value), { mode: FILE_MODE });
    },
    async ensure(name, make) {
      const path = pathOf(name);
      const present = readFileIfThere(path);
      if (!present) {
        createFileDurably(path, checked(name, await make()), { mode: FILE_MODE });
        return readFileIfThere(path) ?? deletedMeanwhile(name);
      }
      // The process that made it may not have synced the name yet; who uses the value must not lose
      // it.
      syncFolder(dir);
      return present;
    },
    async close() {
      closed = true;
    },
  };
}

/**
 * '/' becomes '.', which no name contains: each name has a file of its own, and none leads out of
 * the folder.
 */
function fileName(name: string): string {
  if (!/^[a-z0-9][a-z0-9/-]*$/.test(name) || name.length > NAME_LENGTH_MAX) {
    throw new AppError('REQUEST_INVALID', `${JSON.stringify(name)} is not a secret's name`, {
      hint: `A name has 1 to ${NAME_LENGTH_MAX} of a-z, 0-9, - and /, and begins with a-z or 0-9.`,
    });
  }
  return `${name.replaceAll('/', '.')}.secret`;
}

function checked(name: string, value: Uint8Array): Uint8Array {
  if (value.byteLength <= VALUE_BYTES_MAX) return value;
  throw new AppError('REQUEST_INVALID', `the secret ${name} has more than 64 KiB`);
}

function deletedMeanwhile(name: string): never {
  throw new AppError('CONFLICT', `the secret ${name} was deleted while it was made`);
}

function assertPrivate(dir: string): void {
  assertOwnOnly(dir, lstatSync(dir), 'folder');
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // Gone since the listing: another process's temporary file.
    if (stats) assertOwnOnly(path, stats, 'file');
  }
}

function assertOwnOnly(path: string, stats: Stats, kind: 'folder' | 'file'): void {
  if (kind === 'folder' ? !stats.isDirectory() : !stats.isFile()) {
    throw new AppError('CONFIG_INVALID', `${path} is not a ${kind}`, {
      hint: 'The folder of the secrets holds nothing but their files.',
    });
  }
  // Windows has no such mode bits: there the folder's access list, inherited from the profile, is
  // what protects it.
  if (process.platform === 'win32') return;
  const mode = kind === 'folder' ? FOLDER_MODE : FILE_MODE;
  if (stats.mode & GROUP_AND_OTHERS) {
    throw new AppError('CONFIG_INVALID', `others may read the secrets ${kind} ${path}`, {
      hint: `Take the right away: chmod ${mode.toString(8)} '${path}'. Others may know it already.`,
    });
  }
  if (stats.uid !== process.geteuid?.()) {
    throw new AppError('CONFIG_INVALID', `${path} belongs to another user`, {
      hint: 'Run as the user who owns it, or give it to the user who runs this.',
    });
  }
}

function dropLeftovers(dir: string, nowMs: number): void {
  for (const name of readdirSync(dir)) {
    if (!name.endsWith('.tmp')) continue;
    const stats = lstatSync(join(dir, name), { throwIfNoEntry: false });
    if (!stats || nowMs - stats.mtimeMs < TEMPORARY_AGE_MS_MAX) continue;
    rmSync(join(dir, name), { force: true });
  }
}
