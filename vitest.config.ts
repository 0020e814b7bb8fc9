import { defineConfig } from 'vitest/config';

/** What crosses processes, sockets or browsers. Slow, so the fast gate leaves it out. */
const WHOLE = ['test/{e2e,bdd,chaos,dr,load,fuzz,sim}/**/*.test.{ts,tsx}'];

/**
 * `vitest run --project unit` is the fast gate (`npm run check`): tidy, contracts, unit tests, port
 * suites. `vitest run` is everything (`npm test`): the same, and after it what is whole.
 */
export default defineConfig({
  test: {
    reporters: [['default', { summary: false }], './test/runner/count-reporter.ts'],
    globalSetup: ['./test/runner/global-setup.ts'],
    setupFiles: ['./test/runner/setup.ts'],
    // Processes, not threads: better-sqlite3 is a native addon, and a test may end its own process.
    pool: 'forks',
    maxWorkers: 2,
    teardownTimeout: 10_000,
    // A busy machine is slow; what never comes fails all the same.
    expect: { poll: { timeout: 10_000 } },
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.{ts,tsx}'],
          exclude: [...WHOLE, '**/node_modules/**', '**/dist/**', '.holdfast/**'],
          testTimeout: 15_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: WHOLE,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // After the fast ones, so that a plain mistake is seen at once.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
