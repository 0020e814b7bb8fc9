import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type StackEngine, StackError } from './stack/engine.ts';
import { ENGINES } from './stack/engines.ts';
import { readRecord, stackFolder, writeRecord } from './stack/record.ts';

const USAGE = `npm run stack -- up|status|down [engine...]      engines: ${names()}
npm run stack -- up --install [engine...]      also installs Debian's packages (root; CI=true too)
node infra/local/stack.ts url <engine>         prints the URL and nothing else
`;

type Command = (engines: readonly StackEngine[], folder: string) => Promise<void>;

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      install: { type: 'boolean', default: process.env['CI'] === 'true' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return say(USAGE.trim());
  const commands: Record<string, Command> = { up: up(values.install), status, down, url };
  const [command = '', ...wanted] = positionals;
  const run = commands[command];
  if (!run) throw new StackError(`what shall be done?\n${USAGE}`);
  await run(select(wanted), stackFolder(process.env));
}

/** Those that were named, or all. */
function select(wanted: readonly string[]): readonly StackEngine[] {
  const unknown = wanted.find((name) => !ENGINES.some((engine) => engine.name === name));
  if (unknown) throw new StackError(`there is no engine ${unknown}; there are: ${names()}`);
  return wanted.length === 0 ? ENGINES : ENGINES.filter((engine) => wanted.includes(engine.name));
}

function up(install: boolean): Command {
  return async (engines, folder) => {
    for (const engine of engines) {
      ensureInstalled(engine, install);
      const running = await engine.up(join(folder, engine.name));
      writeRecord(folder, { ...readRecord(folder), [engine.name]: running });
      say(`${engine.name} up: ${running.url}`);
    }
  };
}

async function status(engines: readonly StackEngine[], folder: string): Promise<void> {
  const record = readRecord(folder);
  for (const engine of engines) {
    const running = record[engine.name];
    const isUp = running && engine.answers(running);
    say(isUp ? `${engine.name} up: ${running.url} (pid ${running.pid})` : `${engine.name} down`);
  }
}

async function down(engines: readonly StackEngine[], folder: string): Promise<void> {
  for (const engine of engines) {
    const { [engine.name]: running, ...others } = readRecord(folder);
    if (running) {
      await engine.down(running);
      writeRecord(folder, others);
    }
    say(`${engine.name} down`);
  }
}

/** For scripts: `HOLDFAST_TEST_POSTGRES_URL="$(node infra/local/stack.ts url postgres)"`. */
async function url(engines: readonly StackEngine[], folder: string): Promise<void> {
  const [engine, ...more] = engines;
  if (!engine || more.length > 0) throw new StackError('name one engine');
  const running = readRecord(folder)[engine.name];
  if (!running || !engine.answers(running)) {
    throw new StackError(`${engine.name} is down; start it: npm run stack -- up ${engine.name}`);
  }
  say(running.url);
}

function ensureInstalled(engine: StackEngine, install: boolean): void {
  const found = engine.find();
  if (found.kind === 'found') return;
  const command = `apt-get install -y --no-install-recommends ${found.debianPackage}`;
  if (!install) {
    throw new StackError(
      `${engine.name} is not installed. On Debian: sudo ${command}\n` +
        'or let this command do it, as root: npm run stack -- up --install',
    );
  }
  if (process.getuid?.() !== 0) throw new StackError(`only root can run: ${command}`);
  for (const line of ['apt-get update', command]) {
    const [file = '', ...args] = line.split(' ');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const done = spawnSync(file, args, { env, stdio: ['ignore', 2, 2] });
    if (done.status !== 0) throw new StackError(`this failed: ${line}`);
  }
  if (engine.find().kind === 'absent') {
    throw new StackError(
      `${found.debianPackage} is installed, but has no programs of ${engine.name}`,
    );
  }
}

function names(): string {
  return ENGINES.map((engine) => engine.name).join(', ');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // What a person can act on is one sentence; anything else is a bug and shows where.
  const isUsage = error instanceof TypeError && 'code' in error;
  if (!(error instanceof StackError) && !isUsage) throw error;
  process.stderr.write(`stack: ${error.message}\n`);
  process.exitCode = 1;
}
