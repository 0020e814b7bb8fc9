import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** What tells a process of ours from a stranger that got the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Part of its command line. */
  readonly entry: string;
  /** `NAME=value` of its environment, where the system shows it. */
  readonly variable?: string;
}

/**
 * Whether the process is there and is the one that is meant. A number alone proves nothing: the
 * system gives it again.
 */
export function isRunning({ pid, entry, variable }: ProcessMark): boolean {
  const found = describe(pid);
  if (!found?.command.includes(entry.replaceAll('\\', '/'))) return false;
  return variable === undefined || (found.environment?.includes(variable) ?? true);
}

/** SIGTERM, and SIGKILL when that takes too long. Resolves when it is gone. */
export async function stopLeftover(mark: ProcessMark): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  signal(mark.pid, 'SIGTERM');
  while (isRunning(mark)) {
    if (Date.now() > deadline) signal(mark.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

interface Description {
  readonly command: string;
  readonly environment?: string;
}

/** Undefined when there is no such process, or it is somebody else's. */
function describe(pid: number): Description | undefined {
  switch (process.platform) {
    case 'linux':
      return describeFromProc(pid);
    case 'win32': {
      const query = `(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CommandLine`;
      const command = output('powershell', ['-NoProfile', '-Command', query]);
      return command === undefined ? undefined : { command: command.replaceAll('\\', '/') };
    }
    default: {
      // `e` shows the environment behind the command line.
      const all = output('ps', ['eww', '-o', 'command=', '-p', String(pid)]);
      return all === undefined ? undefined : { command: all, environment: all };
    }
  }
}

function describeFromProc(pid: number): Description | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return { command, environment: readFileSync(`/proc/${pid}/environ`, 'utf8') };
  } catch {
    return undefined; // Gone, or of another user: not ours either way.
  }
}

function output(program: string, args: readonly string[]): string | undefined {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  return done.status === 0 ? done.stdout : undefined;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
