import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STOP_MS_MAX = 20_000;
const INTERRUPTED = 130;
const LAST_WORDS_CHARS = 2_000;

export interface Command {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Started {
  readonly pid: number;
  running(): boolean;
  /** SIGKILL to it and what it started. Resolves when it is gone. */
  kill(): Promise<void>;
  /** What it wrote so far. */
  output(): string;
  /** Its exit code when it has ended. */
  readonly ended: Promise<number>;
}

/**
 * A temp folder and the processes that were started in it. When it closes, both are gone; an
 * interrupt closes it, too.
 */
export class Ground {
  readonly dir: string;
  readonly #children: ChildProcess[] = [];
  readonly #interrupted = (): void => {
    for (const child of this.#children) signal(child, 'SIGKILL');
    this.#remove();
    process.exit(INTERRUPTED);
  };

  constructor(parent = tmpdir()) {
    this.dir = mkdtempSync(join(parent, 'holdfast-bench-'));
    process.once('SIGINT', this.#interrupted);
    process.once('SIGTERM', this.#interrupted);
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  start(command: Command): Started {
    const file = this.path(`${command.name}.log`);
    const log = openSync(file, 'a');
    // A group of its own: some servers are a script with the server below it.
    const child = spawn(command.program, command.args, {
      cwd: this.dir,
      env: command.env ?? process.env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#children.push(child);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
    // Whoever waits for it hears of the failure; nobody has to.
    ended.catch(() => {});
    return {
      pid: child.pid ?? 0,
      running: () => isRunning(child),
      async kill() {
        signal(child, 'SIGKILL');
        await ended;
      },
      output: () => readFileSync(file, 'utf8'),
      ended,
    };
  }

  /** The end of what each process wrote, for the report of a failure. */
  lastWords(): string {
    const logs = readdirSync(this.dir).filter((name) => name.endsWith('.log'));
    return logs
      .map((name) => readFileSync(this.path(name), 'utf8').slice(-LAST_WORDS_CHARS))
      .join('\n');
  }

  async close(): Promise<void> {
    process.off('SIGINT', this.#interrupted);
    process.off('SIGTERM', this.#interrupted);
    // The last started first: a server before what it stands on.
    for (const child of this.#children.toReversed()) await stop(child);
    this.#remove();
  }

  #remove(): void {
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function signal(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (isRunning(child)) process.kill(-child.pid!, name);
}

async function stop(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), STOP_MS_MAX);
  await gone;
  clearTimeout(timer);
}
