import { setFlagsFromString } from 'node:v8';

/**
 * glibc keeps an arena of freed memory for each thread, and gives none of it back while pieces of
 * odd sizes lie in between: two arenas, and large pieces straight from the kernel.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(128 * 1024) };

/**
 * Keeps the memory of this process small, for one that runs beside others on a small machine.
 * Called before anything else is loaded: what has grown does not shrink.
 *
 * - V8's space for new objects stays at the 2 MiB it begins with, in every thread; otherwise it
 *   grows to 128 MiB under load. What a gateway makes per message is gone when the message is
 *   acknowledged, so collecting it more often costs no measurable time. The space's size
 *   (`--max-semi-space-size`) is read only before a program begins; how it grows, each time.
 * - The allocator reads its settings when a process begins, so on Linux the program begins once
 *   more, as the same process. Who sets one of them decides for himself, and nothing is repeated.
 */
export function keepMemorySmall(): void {
  const isTuned = Object.keys(ALLOCATOR).some((name) => process.env[name] !== undefined);
  // A parent's channel would not survive.
  if (process.platform === 'linux' && !isTuned && !process.connected) beginAgain();
  setFlagsFromString('--semi-space-growth-factor=1');
}

function beginAgain(): void {
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, args, { ...process.env, ...ALLOCATOR });
}
