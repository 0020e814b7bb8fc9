import { spawn, spawnSync } from 'node:child_process';
import { ROOT } from '../../e2e/process.ts';

/** Debian's package `strace`. */
const STRACE = 'strace';
/** Longer texts would be cut; no single write is as long. */
const TEXT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Every call that changes a file, a folder or what is durable. Those that the reader of the trace
 * does not know (`copy_file_range`, `sendfile`, shared writable mappings) are traced too, so that
 * it can refuse a trace in which they touch the data.
 */
const CALLS = [
  'openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate',
  'fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat',
  'unlink,unlinkat,mkdir,mkdirat,rmdir,fchmod,chmod,fchmodat',
  'copy_file_range,sendfile,splice,mmap',
].join(',');

const FLAGS = ['-f', '--seccomp-bpf', '-y', '-qq', '-v', '-xx', '-s', String(TEXT_BYTES_MAX)];

/** Why nothing can be traced on this machine; undefined when it can. */
export function whyNoTrace(): string | undefined {
  const tried = spawnSync(STRACE, ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true']);
  if (tried.error) return 'strace is not installed (Debian: strace)';
  return tried.status === 0 ? undefined : `strace may not trace here: ${tried.stderr}`.trim();
}

export interface TracedProgram {
  /** Below the repository's root. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly traceFile: string;
  readonly timeoutMs: number;
}

/**
 * Runs the program with all its children under one tracer, so that their calls stand in one order,
 * which is no other than that in which they could see each other's effects.
 */
export async function traceProgram(program: TracedProgram): Promise<void> {
  const { entry, args, env, traceFile, timeoutMs } = program;
  const traced = [process.execPath, `${ROOT}${entry}`, ...args];
  const child = spawn(STRACE, [...FLAGS, '-e', `trace=${CALLS}`, '-o', traceFile, ...traced], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said = (said + bytes).slice(-8_000);
    });
  // The tracer leads a group of its own, with all that it traces.
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), timeoutMs);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  if (code !== 0) throw new Error(`the traced program ended with ${code}:\n${said}`);
}
