import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Account, accountFor, handOver, reachableFolder, runAs } from './account.ts';
import { type Running, type StackEngine, StackError } from './engine.ts';

const USER = 'holdfast';
const DATABASE = 'holdfast';
const PORT_FIRST = 5432;
const PORT_LAST = 5499;
/** Linux allows 107 bytes for a socket's path. */
const SOCKET_PATH_BYTES_MAX = 107;
const SETTLE_MS_MAX = 15_000;
const SETTLE_STEP_MS = 200;
const DEBIAN_FOLDER = '/usr/lib/postgresql';

export const postgres: StackEngine = {
  name: 'postgres',
  find: () =>
    programs() === undefined ? { kind: 'absent', debianPackage: 'postgresql' } : { kind: 'found' },
  up,
  answers: (running) =>
    serverOn(dataOf(running.folder))?.pid === running.pid && ready(running.port),
  down,
};

async function up(wanted: string): Promise<Running> {
  const account = accountFor('postgres');
  const { folder, note } = reachableFolder(account, wanted);
  if (note) process.stderr.write(`${note}\n`);
  const data = dataOf(folder);
  if (!existsSync(data)) create(account, folder);
  if (!(await runsAlready(data))) start(account, folder, await freePort());
  const server = serverOn(data);
  if (!server)
    throw new StackError(`PostgreSQL started and ended again: see ${join(folder, 'log')}`);
  makeDatabase(account, folder, server.port);
  const url = `postgres://${USER}:${passwordOf(folder)}@127.0.0.1:${server.port}/${DATABASE}`;
  return { ...server, folder, url };
}

async function down({ folder, pid }: Running): Promise<void> {
  // The pid alone may be another program's by now; the data folder says whose it is.
  if (serverOn(dataOf(folder))?.pid !== pid) return;
  const stop = ['stop', '-D', dataOf(folder), '-m', 'fast', '-w', '-t', '60'];
  const stopped = runAs(accountFor('postgres'), [program('pg_ctl'), ...stop]);
  if (!stopped.ok) throw new StackError(`PostgreSQL (pid ${pid}) did not stop: ${stopped.output}`);
}

/** Makes the data folder; the password is beside it, so that both are kept or lost together. */
function create(account: Account, folder: string): void {
  const password = join(folder, 'password');
  // Renamed when all is done: a folder that was left half made is made anew.
  const unfinished = join(folder, 'data.new');
  rmSync(unfinished, { recursive: true, force: true });
  rmSync(password, { force: true });
  writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  mkdirSync(unfinished, { mode: 0o700 });
  handOver(account, password);
  handOver(account, unfinished);
  const made = runAs(account, [
    ...[program('initdb'), '-D', unfinished, '-U', USER, `--pwfile=${password}`],
    ...['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256'],
  ]);
  if (!made.ok) throw new StackError(`initdb failed: ${made.output}`);
  configure(unfinished, dataOf(folder));
  renameSync(unfinished, dataOf(folder));
}

function configure(folder: string, data: string): void {
  const socket = join(data, '.s.PGSQL.65535');
  const sockets = Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX ? data : '';
  appendFileSync(
    join(folder, 'postgresql.conf'),
    [
      '',
      "listen_addresses = '127.0.0.1'",
      `unix_socket_directories = '${sockets.replaceAll("'", "''")}'`,
      'max_connections = 400',
      'fsync = on',
      'synchronous_commit = on',
      '',
    ].join('\n'),
  );
}

/**
 * A server that is just starting, or that was killed and whose entry is still in the process table,
 * is given time: PostgreSQL takes a folder over only when the process of its pid file is gone.
 */
async function runsAlready(data: string): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < SETTLE_MS_MAX; waitedMs += SETTLE_STEP_MS) {
    const server = serverOn(data);
    if (!server) return false;
    if (ready(server.port)) return true;
    await setTimeout(SETTLE_STEP_MS);
  }
  return false;
}

/**
 * Its own look at a stale `postmaster.pid` is enough: it takes the folder when that process is
 * gone.
 */
function start(account: Account, folder: string, port: number): void {
  const log = join(folder, 'log');
  if (!existsSync(log)) writeFileSync(log, '', { mode: 0o600 });
  handOver(account, log);
  const options = ['-D', dataOf(folder), '-l', log, '-w', '-t', '60', '-o', `-p ${port}`];
  const started = runAs(account, [program('pg_ctl'), 'start', ...options]);
  if (started.ok) return;
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new StackError(`PostgreSQL did not start. The end of ${log}:\n${tail}`);
}

function makeDatabase(account: Account, folder: string, port: number): void {
  const address = ['-h', '127.0.0.1', '-p', String(port), '-U', USER, '-d', 'postgres'];
  // In the environment, because everybody on the machine can read a command line.
  const env = { PGPASSWORD: passwordOf(folder) };
  const psql = (sql: string) =>
    runAs(account, [program('psql'), '-XAtq', ...address, '-c', sql], env);
  const found = psql(`SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`);
  if (found.ok && found.output === '1') return;
  const made = found.ok ? psql(`CREATE DATABASE ${DATABASE}`) : found;
  if (!made.ok) throw new StackError(`the database could not be made: ${made.output}`);
}

function passwordOf(folder: string): string {
  return readFileSync(join(folder, 'password'), 'utf8').trim();
}

function dataOf(folder: string): string {
  return join(folder, 'data');
}

/**
 * The server that says in the data folder that it runs on it, when a process of that pid exists.
 */
function serverOn(data: string): { pid: number; port: number } | undefined {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n').map(Number);
  if (!pid || !port || !alive(pid)) return undefined;
  return { pid, port };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ready(port: number): boolean {
  const account = accountFor('postgres');
  return runAs(account, [program('pg_isready'), '-q', '-h', '127.0.0.1', '-p', String(port)]).ok;
}

async function freePort(): Promise<number> {
  for (let port = PORT_FIRST; port <= PORT_LAST; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new StackError(`all ports from ${PORT_FIRST} to ${PORT_LAST} are in use`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function program(name: string): string {
  return join(programs() ?? '', name);
}

/** The newest of Debian's versions, which are not on the path, or what the path has. */
function programs(): string | undefined {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const newest = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  const onPath = (process.env['PATH'] ?? '').split(delimiter);
  return [...newest, ...onPath].find((folder) => existsSync(join(folder, 'initdb')));
}
