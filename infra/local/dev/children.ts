import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const STOP_TIMEOUT_MS = 15_000;
const RESTART_DELAY_MS = 1_000;
const RESTARTS_MAX = 5;
const LOG_TAIL_LINES = 12;

export interface ChildOptions {
  readonly name: string;
  /** The file that Node runs, and what follows it. */
  readonly args: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Takes its stdout and stderr. */
  readonly logFile: string;
  /** A child that ends well by itself is not started again. */
  readonly mayEnd?: boolean;
}

export interface Child {
  readonly name: string;
  /** SIGTERM, then SIGKILL when it does not end in time. */
  stop(): Promise<void>;
}

export interface Listener {
  say(text: string): void;
  /** Told of each process, the first and those after it. */
  started(name: string, child: { readonly pid: number; readonly entry: string }): void;
}

export interface Children {
  /** Throws when all are being stopped: what starts now would be left behind. */
  start(options: ChildOptions): Child;
  /** Stops all, the last one first; once, whoever asks. */
  stop(): Promise<void>;
  readonly isStopping: boolean;
}

export function createChildren(listener: Listener): Children {
  const children: Child[] = [];
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    for (const child of children.toReversed()) await child.stop();
  };
  return {
    start(options) {
      if (stopping) throw new Error('stopped while starting');
      const child = startChild(options, listener);
      children.push(child);
      return child;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
    get isStopping() {
      return stopping !== undefined;
    },
  };
}

/**
 * Starts a child and keeps it running: one that dies is started again, at most RESTARTS_MAX times,
 * and its last words are shown. Children lead process groups of their own, so that Ctrl-C reaches
 * them through us, in order.
 */
function startChild(options: ChildOptions, { say, started }: Listener): Child {
  let running: ChildProcess | undefined;
  let stopping = false;
  let restarts = 0;
  const start = (): void => {
    mkdirSync(dirname(options.logFile), { recursive: true });
    const log = openSync(options.logFile, 'a', 0o600);
    running = spawn(process.execPath, options.args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    if (running.pid) started(options.name, { pid: running.pid, entry: options.args[0] });
    running.on('exit', (code, signal) => {
      if (stopping || (options.mayEnd && code === 0)) return;
      say(`${options.name} ended (${signal ?? `code ${code}`}); its last lines:`);
      say(tail(options.logFile));
      if (restarts++ >= RESTARTS_MAX) return say(`${options.name} is not started again`);
      say(`${options.name} is started again`);
      setTimeout(() => !stopping && start(), RESTART_DELAY_MS);
    });
  };
  start();
  return {
    name: options.name,
    stop() {
      stopping = true;
      return stopChild(running);
    },
  };
}

function stopChild(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

export interface FinishedRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end and returns what it printed. */
export function runOnce(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<FinishedRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

export function tail(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-LOG_TAIL_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}
