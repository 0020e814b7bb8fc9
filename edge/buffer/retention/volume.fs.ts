import { rmSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder } from '@holdfast/shared/runtime/files.ts';
import type { VolumeSpace } from './budget.ts';
import type { Volume } from './volume.ts';

const RESERVE_FILE = 'reserve';
/** Kept back when the reserve is released: SQLite opens no file on a disk without a free page. */
const START_BYTES = 256 * 1024;
/** With less than this free at the start, all of the reserve is given back before a file opens. */
const START_FREE_BYTES_MIN = 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export interface FsVolumeOptions {
  /** The folder in which the gateway keeps its files. */
  readonly folder: string;
  readonly reserveBytes: number;
  /** Not zeros, which some file systems do not store. */
  readonly filling: (bytes: number) => Uint8Array;
}

/** Before the buffer is opened: a full disk must not keep the gateway from its start. */
export function openFsVolume({ folder, reserveBytes, filling }: FsVolumeOptions): Volume {
  ensureFolder(folder, FOLDER_MODE);
  const file = join(folder, RESERVE_FILE);
  const found = statfsSync(folder);
  if (found.bavail * found.bsize < START_FREE_BYTES_MIN) rmSync(file, { force: true });
  let held = sizeOf(file);
  return {
    async space(): Promise<VolumeSpace> {
      const { bavail, blocks, bsize } = await statfs(folder);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },
    get isReserved() {
      return held >= reserveBytes;
    },
    async reserve() {
      const handle = await open(file, 'a', FILE_MODE);
      try {
        while (held < reserveBytes) {
          const piece = filling(Math.min(PIECE_BYTES, reserveBytes - held));
          const { bytesWritten } = await handle.write(piece);
          held += bytesWritten;
        }
        await handle.sync();
        return true;
      } catch (cause) {
        if (!isNoSpace(cause)) throw cause;
        return false;
      } finally {
        await handle.close();
        held = sizeOf(file);
      }
    },
    release() {
      if (held <= START_BYTES) return false;
      truncateSync(file, START_BYTES);
      held = START_BYTES;
      return true;
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function isNoSpace(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
