import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK = Buffer.alloc(4096, 0x5a);

export interface DiskFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * What the disk below `dir` gives a program that only appends 4 KiB and calls fdatasync, one after
 * the other. Blocks this process meanwhile: nothing else should run beside it.
 */
export function probeDisk(dir: string, durationMs: number): DiskFigures {
  const file = join(dir, 'disk-probe');
  const fd = openSync(file, 'w');
  const tookMs: number[] = [];
  const startedMs = performance.now();
  try {
    for (let nowMs = startedMs; nowMs - startedMs < durationMs; ) {
      writeSync(fd, BLOCK);
      fdatasyncSync(fd);
      const doneMs = performance.now();
      tookMs.push(doneMs - nowMs);
      nowMs = doneMs;
    }
  } finally {
    closeSync(fd);
    rmSync(file);
  }
  tookMs.sort((a, b) => a - b);
  const quantile = (share: number): number => tookMs[Math.ceil(tookMs.length * share) - 1]!;
  const perSecond = tookMs.length / ((performance.now() - startedMs) / 1000);
  return { perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
