import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILLING = Buffer.alloc(64 * 1024, 0x5a);
const PIECES = [64 * 1024, 4 * 1024] as const;

/** A file system of its own that others fill and free at will. */
export interface SmallVolume {
  /** Leaves so many bytes free; 0 fills it to the brim. */
  fill(freeBytes: number): void;
  free(): void;
  remove(): void;
}

/** Why no volume can be mounted here; undefined when one can. */
export function mountRefusal(folder: string): string | undefined {
  if (process.platform !== 'linux') return 'a small volume needs the tmpfs of Linux';
  const probe = join(folder, 'mount-probe');
  mkdirSync(probe);
  try {
    mountSmallVolume(probe, 1024 * 1024).remove();
    return undefined;
  } catch (cause) {
    return `mounting a tmpfs needs root: ${cause instanceof Error ? cause.message : cause}`;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

export function mountSmallVolume(folder: string, bytes: number): SmallVolume {
  const options = `size=${bytes},mode=700`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-torture', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const file = join(folder, 'somebody-elses-file');
  return {
    fill(freeBytes) {
      const handle = openSync(file, 'a');
      try {
        for (const piece of PIECES) writePieces(handle, { piece, freeBytes, folder });
      } finally {
        closeSync(handle);
      }
    },
    free: () => rmSync(file, { force: true }),
    remove: () => void execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' }),
  };
}

function writePieces(
  handle: number,
  { piece, freeBytes, folder }: { piece: number; freeBytes: number; folder: string },
): void {
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(folder);
      if (bavail * bsize < freeBytes + piece) return;
      writeSync(handle, FILLING, 0, piece);
    }
  } catch (cause) {
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
    if (!isFull) throw cause;
  }
}
