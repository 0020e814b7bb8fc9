import { setFlagsFromString } from 'node:v8';

/** What the allocator of glibc (mallopt(3)) and V8's own threads may keep for later. */
const ALLOCATOR = {
  // One heap for the event loop and one for all other threads, instead of one for each.
  MALLOC_ARENA_MAX: '2',
  // Both are raised by what is freed unless they are set: then little is ever given back.
  MALLOC_TRIM_THRESHOLD_: '131072',
  // From 16 KiB on, a piece is the system's again as soon as it is freed. Within a heap it only
  // leaves a hole below what stays, so that each short peak, as behind a slow disk, makes the heap
  // larger for good: Node's reads and the slabs of its buffers are 64 KiB each.
  MALLOC_MMAP_THRESHOLD_: '16384',
  // Else the heap grows by 128 KiB at a time, and such pieces are taken of what is left of them.
  MALLOC_TOP_PAD_: '16384',
} as const;
const ONE_V8_THREAD = '--v8-pool-size=1';

/**
 * Begins this process anew, once, under the same id, with an allocator that gives memory back: on
 * a small box that is worth some 30 ms. What the allocator does is settled before a program runs,
 * so there is no other way. On Linux only; who sets MALLOC_ARENA_MAX decides for himself.
 *
 * Called before anything is opened.
 */
export function tightenAllocator(): void {
  if (process.platform !== 'linux' || !process.execve) return;
  if (process.env['MALLOC_ARENA_MAX'] !== undefined) return;
  const { execPath, execArgv, argv, env } = process;
  const args = [execPath, ONE_V8_THREAD, ...execArgv, ...argv.slice(1)];
  process.execve(execPath, args, { ...env, ...ALLOCATOR });
}

/**
 * Keeps V8's heaps of this process and its threads close to what is in use.
 *
 * - The space for new objects stays at the 2 MiB it begins with; otherwise it grows to 128 MiB
 *   under load, and stays there. What a gateway makes per message is gone when the message is
 *   acknowledged, so collecting it more often costs no measurable time.
 * - What is old is collected when it has grown by a third, not by three times: memory stays flat
 *   over days of load.
 *
 * Called before anything else is loaded: what has grown does not shrink. The size itself
 * (`--max-semi-space-size`) is read only before the program begins; how it grows, each time.
 */
export function keepHeapsSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}
