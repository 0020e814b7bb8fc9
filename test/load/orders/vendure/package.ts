import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../e2e/process.ts';
import type { Print } from '../../bench-shape.ts';
import { Ground } from '../../ground.ts';

export const VENDURE = 'vendure';
/** The drivers are the very versions that the shop stands on. */
const PACKAGES = { '@vendure/core': '3.7.3', 'better-sqlite3': '13.2.0', pg: '8.23.1' };
const VERSIONS = join(ROOT, '.holdfast', 'peers', VENDURE);
/** Libraries of its own are ranges: these are of that day, and the same on each machine. */
const RELEASED_BEFORE = '2026-11-22';
const INSTALL_MS_MAX = 600_000;
const TELL_EVERY_MS = 5_000;
/**
 * No script of any package runs: this better-sqlite3 brings its binary along, although the range
 * that typeorm asks for ends before it.
 */
const NPM_ARGS = [
  'install',
  '--ignore-scripts',
  '--legacy-peer-deps',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  `--before=${RELEASED_BEFORE}`,
];

export const VENDURE_VERSION = PACKAGES['@vendure/core'];

/** Where it is installed; undefined when it is not. */
export function installedVendure(): string | undefined {
  const folder = join(VERSIONS, VENDURE_VERSION);
  return existsSync(folder) ? folder : undefined;
}

/** Installs it when it is not there. Half of an installation is never taken for a whole one. */
export async function installVendure(print: Print): Promise<void> {
  if (installedVendure() !== undefined) return;
  mkdirSync(VERSIONS, { recursive: true });
  const ground = new Ground(VERSIONS);
  const begin = performance.now();
  const tell = (): void => {
    const seconds = Math.round((performance.now() - begin) / 1_000);
    print.progress(`${VENDURE} ${VENDURE_VERSION}: installing, ${seconds} s`);
  };
  tell();
  const ticking = setInterval(tell, TELL_EVERY_MS);
  try {
    await install(ground);
  } finally {
    clearInterval(ticking);
    await ground.close();
  }
}

async function install(ground: Ground): Promise<void> {
  const folder = ground.path('package');
  mkdirSync(folder);
  const manifest = { name: 'peer', private: true, dependencies: PACKAGES };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const npm = ground.start({
    name: 'npm',
    program: 'npm',
    args: [...NPM_ARGS, '--prefix', folder],
  });
  const timer = setTimeout(() => void npm.kill(), INSTALL_MS_MAX);
  const code = await npm.ended.finally(() => clearTimeout(timer));
  if (code !== 0) throw new Error(`npm could not install ${VENDURE}:\n${ground.lastWords()}`);
  const core = join(folder, 'node_modules', '@vendure', 'core', 'package.json');
  const { version } = JSON.parse(readFileSync(core, 'utf8')) as { version: string };
  if (version !== VENDURE_VERSION) throw new Error(`npm installed ${VENDURE} ${version}`);
  renameSync(folder, join(VERSIONS, VENDURE_VERSION));
}
