import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { COMPILE_CACHE, ROOT } from '../e2e/process.ts';

// Each feature is run by Cucumber in a process of its own, against a whole cloud.

const FEATURES = fileURLToPath(new URL('features', import.meta.url));
const STEPS = 'test/bdd/steps/shop.steps.ts';
const CUCUMBER = `${ROOT}node_modules/@cucumber/cucumber/bin/cucumber.js`;

it.each(readdirSync(FEATURES))('%s', async (feature) => {
  const { code, output } = await cucumber(`test/bdd/features/${feature}`);
  expect(code, output).toBe(0);
  expect(output).toMatch(/\d+ scenarios? \(\d+ passed\)/);
});

function cucumber(feature: string): Promise<{ code: number | null; output: string }> {
  const args = [CUCUMBER, feature, '--import', STEPS, '--format', 'progress'];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...COMPILE_CACHE, CUCUMBER_PUBLISH_QUIET: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}
