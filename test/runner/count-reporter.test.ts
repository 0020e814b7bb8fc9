import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const VITEST = join(
  dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
const REPORTER = fileURLToPath(new URL('count-reporter.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'holdfast-reporter-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('ends with the counts alone on the last line, after skips and failures', async () => {
  const run = await runOn(`
    it('holds', () => {});
    it('breaks', () => { throw new Error('as it should') });
    it('waits', (context) => context.skip('no database'));
    describe('real engine, skipped: not started', () => it.skip('also waits', () => {}));
    it.skip('says nothing', () => {});
  `);
  expect(run.code).toBe(1);
  expect(run.lines.at(-1)).toBe('1 passed, 1 failed, 3 skipped');
  const skipped = run.lines.filter((line) => line.startsWith('skipped: '));
  expect(skipped[0]).toMatch(/> waits \(no database\)$/);
  expect(skipped[1]).toMatch(/> also waits \(not started\)$/);
  expect(skipped[2]).toMatch(/> says nothing \(no reason given/);
  const failed = run.lines.filter((line) => line.startsWith('failed: '));
  expect(failed).toEqual([expect.stringMatching(/> breaks \(as it should\)$/)]);
});

it('says nothing of skips when there are none', async () => {
  const run = await runOn(`it('holds', () => {})`);
  expect(run).toMatchObject({ code: 0 });
  expect(run.lines.at(-1)).toBe('1 passed, 0 failed');
});

it('counts a file that does not load as a failure', async () => {
  const run = await runOn(`throw new Error('at import')`);
  expect(run.code).toBe(1);
  expect(run.lines).toContainEqual(expect.stringMatching(/^failed: \S+ \(at import\)$/));
  expect(run.lines.at(-1)).toBe('0 passed, 1 failed');
});

it('fails when no test ran', async () => {
  const run = await runOn(`it.skip('never', () => {})`);
  expect(run.code).toBe(1);
  expect(run.lines.at(-1)).toBe('0 passed, 0 failed, 1 skipped');
});

interface Run {
  readonly code: number;
  readonly lines: readonly string[];
}

function runOn(testSource: string): Promise<Run> {
  writeFileSync(join(folder, 'sample.test.js'), testSource);
  writeFileSync(
    join(folder, 'vitest.config.js'),
    `export default { test: { globals: true, reporters: [${JSON.stringify(REPORTER)}] } }`,
  );
  return new Promise((resolve) => {
    execFile(process.execPath, [VITEST, 'run', '--root', folder], (error, stdout) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, lines: stdout.trimEnd().split('\n') });
    });
  });
}
