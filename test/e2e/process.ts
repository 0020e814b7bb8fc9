import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STOP_TIMEOUT_MS = 15_000;
/** Compiled code is kept between processes: the tests start many, each in half the time. */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: `${ROOT}node_modules/.cache/node` };

export interface ProcessOptions {
  /** A TypeScript entry below the repository's root, and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** A process of the product under test: started, killed and started again at will. */
export class TestProcess {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  readonly options: ProcessOptions;

  constructor(options: ProcessOptions) {
    this.options = options;
  }

  start(extraEnv: Readonly<Record<string, string>> = {}): void {
    const log = openSync(this.options.logFile, 'a');
    const child = spawn(process.execPath, [`${ROOT}${this.options.entry}`, ...this.options.args], {
      env: { ...process.env, ...COMPILE_CACHE, ...this.options.env, ...extraEnv },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && !this.child.signalCode;
  }

  get exitCode(): number | null {
    return this.child?.exitCode ?? null;
  }

  /** Resolves when the process of the last start is gone. */
  ended(): Promise<void> {
    return this.exited;
  }

  async kill(): Promise<void> {
    if (this.running) this.child?.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.child?.kill('SIGTERM');
    await this.exited;
    clearTimeout(timer);
  }

  log(): string {
    return readFileSync(this.options.logFile, 'utf8');
  }
}
