import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';
import { SEED_VARIABLE } from './seed.ts';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly Named[];
  readonly skips: readonly Named[];
}

/** A test, a suite or a file by its name, and why it failed or was skipped. */
interface Named {
  readonly name: string;
  readonly reason: string;
}

/**
 * Ends a run with each skip and each failure, their reasons, the seed, and `N passed, N failed`
 * alone on the last line: who keeps only the end of a long output still knows what failed.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = count(modules, unhandledErrors);
    // A run that checked nothing must not look like a run that found nothing.
    if (counts.passed + counts.failed === 0) process.exitCode = 1;
    process.stdout.write(`${report(counts, process.env[SEED_VARIABLE]).join('\n')}\n`);
  }
}

/**
 * A file or suite that broke before its tests ran, and an error outside any test, count as one
 * failure each.
 */
export function count(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): Counts {
  let passed = 0;
  const failures: Named[] = unhandledErrors.map((error) => ({
    name: 'outside any test',
    reason: reasonOfErrors([error]),
  }));
  const skips: Named[] = [];
  for (const module of modules) {
    failures.push(...brokenSuites(module));
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === 'passed') passed++;
      else if (state === 'skipped') skips.push({ name: nameOf(test), reason: reasonOf(test) });
      else failures.push({ name: nameOf(test), reason: reasonOfErrors(errors ?? []) });
    }
  }
  return { passed, failed: failures.length, failures, skips };
}

export function report(
  { passed, failed, failures, skips }: Counts,
  seed: string | undefined,
): string[] {
  const lines = ['', ...skips.map(({ name, reason }) => `skipped: ${name} (${reason})`)];
  lines.push(...failures.map(({ name, reason }) => `failed: ${name} (${reason})`));
  if (passed + failed === 0) lines.push('No test ran: name a file that has tests, or none.');
  if (seed)
    lines.push(`random tests drew from seed ${seed}; ${SEED_VARIABLE}=${seed} repeats them`);
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  return [...lines, `${passed} passed, ${failed} failed${skipped}`];
}

function brokenSuites(module: TestModule): Named[] {
  const broken: Named[] = [];
  const name = module.relativeModuleId;
  if (module.errors().length > 0) broken.push({ name, reason: reasonOfErrors(module.errors()) });
  for (const suite of module.children.allSuites()) {
    const errors = suite.errors();
    if (errors.length > 0)
      broken.push({ name: `${name} > ${suite.fullName}`, reason: reasonOfErrors(errors) });
  }
  return broken;
}

/** The first line of each error's message. */
function reasonOfErrors(errors: readonly unknown[]): string {
  const messages = errors.map((error) =>
    hasMessage(error) ? error.message.trimStart() : String(error),
  );
  return messages.map((message) => message.split('\n', 1)[0]).join('; ') || 'no error given';
}

function hasMessage(error: unknown): error is { message: string } {
  return typeof (error as { message?: unknown } | undefined)?.message === 'string';
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
