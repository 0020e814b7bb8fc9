import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Running } from './engine.ts';
import { StackError } from './engine.ts';

/** What runs, by engine. */
export type StackRecord = Readonly<Record<string, Running>>;

/** `.holdfast/stack` of the repository, unless `HOLDFAST_STACK_DIR` names another folder. */
export function stackFolder(env: NodeJS.ProcessEnv): string {
  const repository = resolve(import.meta.dirname, '../../..');
  return resolve(env['HOLDFAST_STACK_DIR'] ?? join(repository, '.holdfast', 'stack'));
}

export function readRecord(folder: string): StackRecord {
  const file = join(folder, 'stack.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw cause;
  }
  try {
    return JSON.parse(text) as StackRecord;
  } catch (cause) {
    throw new StackError(`${file} is not JSON; delete it and run "up" again`, { cause });
  }
}

/** The URLs carry passwords, so the file is for its owner only. */
export function writeRecord(folder: string, record: StackRecord): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'stack.json');
  writeFileSync(`${file}.tmp`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
