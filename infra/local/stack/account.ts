import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StackError } from './engine.ts';

/**
 * Who an engine runs as. Engines that refuse to be root get the account that their package made.
 */
export interface Account {
  readonly name: string;
  /** Undefined when we are that account, and nothing has to be handed over. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
}

/** Our own account, or, for root, the one called `name`. */
export function accountFor(name: string): Account {
  if (process.getuid?.() !== 0) return { name: process.env['USER'] ?? 'this user', ids: undefined };
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  if (!line) throw new StackError(`the account ${name} is absent; the Debian package makes it`);
  const [, , uid, gid] = line.split(':');
  return { name, ids: { uid: Number(uid), gid: Number(gid) } };
}

export interface RunResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program as the account and waits for it. */
export function runAs(
  account: Account,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): RunResult {
  const [file = '', ...args] = command;
  const result = spawnSync(file, args, {
    ...account.ids,
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...env },
    encoding: 'utf8',
    // A server that goes on in the background must not keep our pipes open.
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  if (result.error) throw new StackError(`cannot run ${file}: ${result.error.message}`);
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}`.trim() };
}

/**
 * A folder that the account can reach. Below `wanted` when each parent lets it pass; else (a
 * checkout in a private home, with root at work) below /var/lib, named after `wanted`.
 */
export function reachableFolder(
  account: Account,
  wanted: string,
): { folder: string; note?: string } {
  mkdirSync(wanted, { recursive: true });
  if (!account.ids) return { folder: wanted };
  // The product makes these private; passing through shows nothing of what is in them.
  for (const own of [wanted, dirname(wanted), dirname(dirname(wanted))]) {
    if (/^(\.holdfast|stack)$/.test(own.slice(dirname(own).length + 1))) openForPassing(own);
  }
  const closed = firstClosed(account, wanted);
  if (!closed) return { folder: wanted };
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 12);
  const folder = join('/var/lib/holdfast-stack', name);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return { folder, note: `${closed} is closed for ${account.name}: the data are in ${folder}` };
}

export function handOver(account: Account, path: string): void {
  if (account.ids) chownSync(path, account.ids.uid, account.ids.gid);
}

function openForPassing(folder: string): void {
  const { mode } = statSync(folder);
  if ((mode & 0o001) === 0) chmodSync(folder, (mode & 0o777) | 0o011);
}

function firstClosed(account: Account, folder: string): string | undefined {
  const parents: string[] = [];
  for (let path = folder; path !== dirname(path); path = dirname(path)) parents.unshift(path);
  return parents.find((path) => !runAs(account, ['test', '-x', path]).ok);
}
