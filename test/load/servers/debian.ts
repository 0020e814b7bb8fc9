import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian puts servers; a person's PATH often leaves these out. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/lib/rabbitmq/bin'];

export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...folders, ...path, ...SERVER_FOLDERS].map((dir) => join(dir, name)).find(isProgram);
}

/** The version of an installed package; `unknown` when the program came another way. */
export function packageVersion(name: string): string {
  const done = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return /^Version: (.+)$/m.exec(done.stdout ?? '')?.[1] ?? 'unknown';
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
