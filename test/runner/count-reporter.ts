import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';
import { SEED_VARIABLE } from './seed.ts';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Ends a run with each skip and its reason, the seed, and `N passed, N failed` alone on the last
 * line.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = count(modules, unhandledErrors.length);
    // A run that checked nothing must not look like a run that found nothing.
    if (counts.passed + counts.failed === 0) process.exitCode = 1;
    process.stdout.write(`${report(counts, process.env[SEED_VARIABLE]).join('\n')}\n`);
  }
}

/**
 * A file or suite that broke before its tests ran, and an error outside any test, count as one
 * failure each.
 */
export function count(modules: readonly TestModule[], unhandledErrorCount: number): Counts {
  let passed = 0;
  let failed = unhandledErrorCount;
  const skips: { name: string; reason: string }[] = [];
  for (const module of modules) {
    failed += brokenSuites(module);
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed++;
      else if (state === 'skipped') skips.push({ name: nameOf(test), reason: reasonOf(test) });
      else failed++;
    }
  }
  return { passed, failed, skips };
}

export function report({ passed, failed, skips }: Counts, seed: string | undefined): string[] {
  const lines = ['', ...skips.map(({ name, reason }) => `skipped: ${name} (${reason})`)];
  if (passed + failed === 0) lines.push('No test ran: name a file that has tests, or none.');
  if (seed)
    lines.push(`random tests drew from seed ${seed}; ${SEED_VARIABLE}=${seed} repeats them`);
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  return [...lines, `${passed} passed, ${failed} failed${skipped}`];
}

function brokenSuites(module: TestModule): number {
  let broken = module.errors().length > 0 ? 1 : 0;
  for (const suite of module.children.allSuites()) if (suite.errors().length > 0) broken++;
  return broken;
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/**
 * The note of `context.skip(note)`, else what follows "skipped:" in the name of the test or of a
 * suite around it.
 */
function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note) return result.note;
  for (const name of namesAround(test)) {
    const reason = /\bskipped: *(.+)$/.exec(name)?.[1];
    if (reason) return reason;
  }
  return 'no reason given: use context.skip(reason)';
}

function namesAround(test: TestCase): string[] {
  const names = [test.name];
  let parent: TestSuite | TestModule = test.parent;
  while (parent.type === 'suite') {
    names.push(parent.name);
    parent = parent.parent;
  }
  return names;
}
