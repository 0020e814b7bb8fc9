import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, type ProcessMark, stopLeftover } from './leftovers.ts';

const MODE = 0o600;
/** Every child has this in its environment, so that a later start knows whose it is. */
export const HOME_VARIABLE = 'HOLDFAST_HOME';

/**
 * The processes of one start, on disk from before the first child on, so that no crash leaves any
 * unknown.
 */
interface Processes {
  readonly pid: number;
  readonly children: Readonly<Record<string, { readonly pid: number; readonly entry: string }>>;
}

/** What a start says to scripts: `dev.json`, there from READY until the end. */
export interface DevFile {
  readonly urls: Readonly<Record<'console' | 'docs' | 'cloud' | 'mqtt' | 'gateway', string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly logins: readonly { readonly username: string; readonly password: string }[];
}

export interface RunRecord {
  /** A child was started, for the first time or again. */
  started(name: string, child: { readonly pid: number; readonly entry: string }): void;
  /** Writes `dev.json`, and keeps its process ids true from now on. */
  ready(file: DevFile): void;
  /** Nothing of this start runs any more. */
  remove(): void;
}

/**
 * Takes the folder for this start. Throws when another start has it; what a killed one left running
 * is stopped first.
 */
export async function takeFolder(data: string, say: (text: string) => void): Promise<RunRecord> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const own = { pid: process.pid, children: {} };
  while (!create(data, own)) {
    const earlier = readJson<Processes>(processesFile(data));
    if (earlier) await release(data, earlier, say);
    // Gone by itself meanwhile, or cut off in mid-word by a power cut: nothing runs that it could
    // name.
    rmSync(processesFile(data), { force: true });
  }
  rmSync(devFile(data), { force: true });
  return openRecord(data, own);
}

function openRecord(data: string, own: Processes): RunRecord {
  let processes = own;
  let announced: DevFile | undefined;
  const announce = (): void => {
    const { pid, children } = processes;
    const pids = Object.fromEntries(Object.entries(children).map(([name, one]) => [name, one.pid]));
    replace(devFile(data), { pid, ...announced, pids });
  };
  return {
    started(name, child) {
      processes = { ...processes, children: { ...processes.children, [name]: child } };
      replace(processesFile(data), processes);
      if (announced) announce();
    },
    ready(file) {
      announced = file;
      announce();
    },
    remove() {
      for (const file of [devFile(data), processesFile(data)]) rmSync(file, { force: true });
    },
  };
}

/** Throws while the earlier start lives; else stops its children, the last one first. */
async function release(data: string, earlier: Processes, say: (text: string) => void) {
  const { pid, children } = earlier;
  if (pid !== process.pid && isRunning({ pid, entry: 'infra/local/dev.ts' })) {
    const url = readJson<DevFile>(devFile(data))?.urls.console ?? 'it is starting';
    throw new Error(`already running as process ${pid}: ${url}; stop it with Ctrl-C there`);
  }
  for (const [name, child] of Object.entries(children).toReversed()) {
    const mark: ProcessMark = { ...child, variable: `${HOME_VARIABLE}=${data}` };
    if (!isRunning(mark)) continue;
    say(`stopping the ${name} that an earlier start left (process ${child.pid}) ...`);
    await stopLeftover(mark);
  }
}

/** False when there is one already: of two starts at once, one wins. */
function create(data: string, processes: Processes): boolean {
  const draft = `${processesFile(data)}.${process.pid}`;
  writeFileSync(draft, toJson(processes), { mode: MODE });
  try {
    linkSync(draft, processesFile(data));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function replace(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, toJson(value), { mode: MODE });
  renameSync(`${file}.new`, file);
}

/** Undefined when it is not there, or nothing that we wrote whole. */
function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isAbsent || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const toJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
const devFile = (data: string): string => join(data, 'dev.json');
const processesFile = (data: string): string => join(data, 'processes.json');
