import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { expect, it } from 'vitest';
import { readRepository } from './repository.ts';
import { describeFinding } from './rule.ts';
import { isAtLeast, SQLITE_FLOOR } from './rules/version-floors.ts';
import { findings, RULES, staleExceptions } from './tidy.ts';

const repository = readRepository();

it.each(RULES)('$name holds everywhere', (rule) => {
  expect(findings(repository, [rule]).map(describeFinding)).toEqual([]);
});

it('keeps no exception that is no longer needed', () => {
  const stale = staleExceptions(repository).map(({ rule, path }) => `${path} [${rule}]`);
  expect(stale, 'remove it from test/tidy/exceptions.ts').toEqual([]);
});

it('sees the sources', () => {
  expect(repository.sources.length).toBeGreaterThan(20);
});

it('runs on a SQLite that is not older than its floor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tidy-'));
  const database = openSqliteFile(join(folder, 'version.db'));
  const version = database.prepare('select sqlite_version()').pluck().get() as string;
  database.close();
  rmSync(folder, { recursive: true });
  expect(isAtLeast(version, SQLITE_FLOOR), `${version}, at least ${SQLITE_FLOOR}`).toBe(true);
});
