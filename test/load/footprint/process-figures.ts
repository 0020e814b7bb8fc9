import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Linux tells the figures of a process below this folder; elsewhere there is none. */
export const PROC = '/proc';
const KIB = 1024;
/** Makes the peak begin anew (proc_pid_clear_refs(5)). */
const RESET_PEAK = '5';
const BLOCK_BYTES = 512;

export function assertLinux(): void {
  if (!existsSync(`${PROC}/self/io`))
    throw new Error(`this bench reads memory and writes of a process from ${PROC}: Linux only`);
}

export function resetPeak(pid: number): void {
  writeFileSync(`${PROC}/${pid}/clear_refs`, RESET_PEAK);
}

/** The highest resident memory since the last reset, in bytes. */
export function peakBytes(pid: number): number {
  return peakOf(readFileSync(`${PROC}/${pid}/status`, 'utf8'));
}

/** What the process made the kernel write to disk, all threads, in bytes. */
export function writtenBytes(pid: number): number {
  return writtenOf(readFileSync(`${PROC}/${pid}/io`, 'utf8'));
}

export function peakOf(status: string): number {
  return figureOf(status, /^VmHWM:\s+(\d+) kB$/m) * KIB;
}

/** `cancelled_write_bytes`: what was deleted before it reached the disk. */
export function writtenOf(io: string): number {
  const cancelled = figureOf(io, /^cancelled_write_bytes: (\d+)$/m);
  return figureOf(io, /^write_bytes: (\d+)$/m) - cancelled;
}

/** What the files of a folder take on the disk, without its subfolders. */
export function diskBytes(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.blocks * BLOCK_BYTES : 0), 0);
}

function figureOf(text: string, pattern: RegExp): number {
  const found = pattern.exec(text);
  if (!found) throw new Error(`${pattern} is not in:\n${text}`);
  return Number(found[1]);
}
