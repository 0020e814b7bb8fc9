import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openSqliteSessions } from './session-persistence.sqlite.ts';

type Suite = (options: {
  test: typeof test;
  testAsync: boolean;
  persistence: () => unknown;
}) => void;

/** The suite that every persistence of Aedes passes; it is written for node:test. */
const suite: Suite = createRequire(import.meta.url)('aedes-persistence/abstract.js');
const folder = mkdtempSync(join(tmpdir(), 'holdfast-sessions-'));
let files = 0;

suite({
  test,
  testAsync: true,
  persistence: () =>
    openSqliteSessions({
      path: join(folder, `${++files}.sqlite`),
      runtime: testRuntime(),
      expiryHours: 1,
    }),
});
after(() => rmSync(folder, { recursive: true, force: true }));
