#!/usr/bin/env node
// Writes package-lock.json for every platform. npm leaves an optional package out of the lock when
// the registry in use does not offer it (a mirror without the macOS builds, say), and then `npm ci`
// refuses the lock everywhere. This resolves in an empty folder, so that the installed tree has no
// say, and adds such packages by name and version.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const OS = [
  'darwin',
  'linux',
  'win32',
  'android',
  'freebsd',
  'netbsd',
  'openbsd',
  'sunos',
  'aix',
  'openharmony',
];

/**
 * os and cpu as the package's name tells them; "windows" and "64" are how some call win32 and x64.
 */
function platformOf(name) {
  const words = name
    .split('/')
    .pop()
    .replace('windows', 'win32')
    .replace(/-64$/, '-x64')
    .split('-');
  const win = words.includes('win') ? 'win32' : undefined;
  const os = win ?? OS.find((candidate) => words.includes(candidate)) ?? 'none';
  const cpu = words.find((word) =>
    /^(x64|arm64|arm|armv7|ia32|ppc64|ppc64le|s390x|riscv64|loong64|mips64el)$/.test(word),
  );
  return { os: [os], cpu: [cpu === 'armv7' ? 'arm' : (cpu ?? 'none')] };
}

function complete(lock) {
  const present = new Set(
    Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, '')),
  );
  const added = [];
  for (const entry of Object.values({ ...lock.packages })) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (present.has(name) || !/^\d/.test(version)) continue;
      lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), optional: true };
      present.add(name);
      added.push(`${name}@${version}`);
    }
  }
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return added;
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
for (const path of ['.', ...manifest.workspaces]) {
  cpSync(join(root, path, 'package.json'), join(folder, path, 'package.json'));
}
if (!process.argv.includes('--fresh')) {
  cpSync(join(root, 'package-lock.json'), join(folder, 'package-lock.json'));
}
const args = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
const done = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
if (done.status !== 0) process.exit(done.status ?? 1);
const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
const added = complete(lock);
writeFileSync(join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
rmSync(folder, { recursive: true });
process.stderr.write(`package-lock.json written; added by name: ${added.join(', ') || 'none'}\n`);
