#!/usr/bin/env node
// Plain JavaScript for any Node from 18 on: brings the pinned Node and the libraries, builds what
// is stale, then hands over to TypeScript on that Node. Everything else lives in the files that it
// starts.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.holdfast-installed');

/** What each npm script runs, after installing and building. A list runs one after the other. */
const COMMANDS = {
  start: [['node', 'infra/local/dev.ts']],
  stack: [['node', 'infra/local/stack.ts']],
  torture: [['node', 'test/chaos/torture.ts']],
  bench: [['node', 'test/load/bench.ts']],
  generate: [],
  policies: [['node', 'infra/local/policies.ts']],
  test: [['node', 'infra/local/run-tests.ts', 'all']],
  check: [
    ['biome', 'ci', '--error-on-warnings', '.'],
    ['tsc', '--noEmit', '-p', 'tsconfig.json'],
    ['tsc', '--noEmit', '-p', 'cloud/console/ui/tsconfig.json'],
    ['node', 'infra/local/run-tests.ts', 'unit'],
  ],
};

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Ends with the reason in one sentence: a stack trace helps nobody here. */
function fail(text) {
  say(`holdfast: ${text}`);
  process.exit(1);
}

function pathWithPinnedNode() {
  return `${bin}${delimiter}${process.env.PATH ?? ''}`;
}

function environment() {
  return {
    ...process.env,
    PATH: pathWithPinnedNode(),
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    // Stripped and compiled TypeScript is kept between starts; without it a start takes three times
    // as long.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'holdfast-compile'),
  };
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

function install() {
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('holdfast: installing the libraries from package-lock.json (a minute or so, once) ...');
  rmSync(stamp, { force: true });
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const ticking = spawn(process.execPath, ['-e', TICKER], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const done = spawnSync(npm, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: false,
  });
  ticking.kill();
  if (done.status !== 0)
    fail('npm ci failed; see its message above. Is the package registry reachable?');
  writeFileSync(stamp, wanted);
}

/** A sign of life while npm is silent. */
const TICKER = `
const since = Date.now();
setInterval(() => {
  const seconds = Math.round((Date.now() - since) / 1000);
  process.stderr.write('holdfast:   still installing, ' + seconds + ' s\\n');
}, 5000);`;

/** Generated gRPC code and pages; turbo knows what is stale. */
function build(pages) {
  const tasks = pages ? ['generate', 'pages'] : ['generate'];
  const args = ['run', ...tasks, '--output-logs=errors-only', '--log-prefix=none'];
  const done = spawnSync(join(bin, 'turbo'), args, {
    cwd: root,
    env: environment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (done.status === 0) return;
  say(`${done.stdout ?? ''}${done.stderr ?? ''}`);
  fail('the generated code or the pages could not be built; see above');
}

function run([program, ...args], extra) {
  const child = spawn(join(bin, program), [...args, ...extra], {
    cwd: root,
    env: environment(),
    stdio: 'inherit',
  });
  // The child gets Ctrl-C from the terminal itself, and answers for its own children.
  const forward = (signal) => () => child.kill(signal);
  const onTerm = forward('SIGTERM');
  const onInt = () => {};
  process.on('SIGINT', onInt);
  process.on('SIGTERM', onTerm);
  return new Promise((resolve) => {
    child.on('error', (error) => fail(`${program} could not be started: ${error.message}`));
    child.on('exit', (code, signal) => {
      process.off('SIGINT', onInt);
      process.off('SIGTERM', onTerm);
      resolve(code ?? (signal ? 1 : 0));
    });
  });
}

async function main() {
  const [command = '', ...rest] = process.argv.slice(2);
  const steps = COMMANDS[command];
  if (!steps) fail(`no command "${command}"; there are: ${Object.keys(COMMANDS).join(', ')}`);
  if (Number(process.versions.node.split('.')[0]) < 18) {
    fail(
      `Node ${process.versions.node} is too old to install with; Node 18 or newer brings the rest`,
    );
  }
  mkdirSync(join(root, '.holdfast'), { recursive: true });
  install();
  build(command !== 'stack');
  for (const [index, step] of steps.entries()) {
    const code = await run(step, index === steps.length - 1 ? rest : []);
    if (code !== 0) process.exit(code);
  }
}

await main();
