import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = join(root, 'node_modules/.bin');

/**
 * `all` runs every test, on the real engines too where they are up; `unit` is the fast gate, which
 * needs nothing. What follows goes to vitest: a path, or `-t name`.
 */
const [scope = 'all', ...filters] = process.argv.slice(2);
const project = scope === 'unit' ? ['--project', 'unit'] : [];
const child = spawn(join(bin, 'vitest'), ['run', ...project, ...filters], {
  cwd: root,
  env: { ...process.env, ...(scope === 'unit' ? {} : engines()) },
  stdio: 'inherit',
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

/** Where the engines that `npm run stack` started are reached. */
function engines(): Record<string, string> {
  if (process.env['HOLDFAST_TEST_POSTGRES_URL']) return {};
  if (!existsSync(join(root, '.holdfast/stack/stack.json'))) return {};
  const stack = join(root, 'infra/local/stack.ts');
  const done = spawnSync(process.execPath, [stack, 'url', 'postgres'], { encoding: 'utf8' });
  const url = done.stdout.trim();
  return done.status === 0 && url ? { HOLDFAST_TEST_POSTGRES_URL: url } : {};
}
