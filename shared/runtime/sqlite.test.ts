import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertDurable, isCorrupt, openSqliteFile } from './sqlite.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openSqliteFile', () => {
  it('makes the folder for its owner only and a file whose commits are synced', () => {
    const path = join(folder, 'a', 'b', 'new.sqlite');
    const database = openSqliteFile(path);
    database.exec('CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1)');
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('synchronous', { simple: true })).toBe(2);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(database.pragma('busy_timeout', { simple: true })).toBe(5_000);
    assertDurable(database);
    database.close();
  });

  it('syncs as promised when the file is opened again, where the default would be weaker', () => {
    const path = join(folder, 'again.sqlite');
    const first = openSqliteFile(path);
    first.exec('CREATE TABLE t (a INTEGER) STRICT');
    first.close();

    const second = openSqliteFile(path);
    second.exec('INSERT INTO t VALUES (1)');
    assertDurable(second);
    second.close();
  });

  it('says STORE_NOT_DURABLE when a connection does not sync', () => {
    const database = openSqliteFile(join(folder, 'weak.sqlite'));
    database.pragma('synchronous = NORMAL');
    expect(() => assertDurable(database)).toThrow(
      expect.objectContaining({ code: 'STORE_NOT_DURABLE' }),
    );
    database.close();
  });

  it('refuses writes through a readonly connection and does not make a missing file', () => {
    const path = join(folder, 'read.sqlite');
    expect(() => openSqliteFile(path, { readonly: true })).toThrow(
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    );
    expect(existsSync(path)).toBe(false);

    const writer = openSqliteFile(path);
    writer.exec('CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1)');
    const reader = openSqliteFile(path, { readonly: true });
    expect(reader.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }]);
    expect(() => reader.exec('DELETE FROM t')).toThrow();
    reader.close();
    writer.close();
  });

  it('tells a damaged file from one that cannot be opened', () => {
    const damaged = join(folder, 'damaged.sqlite');
    writeFileSync(damaged, Buffer.alloc(8_192, 7));
    const failure = failureOf(() => openSqliteFile(damaged));
    expect(failure).toMatchObject({ code: 'STORE_DAMAGED' });
    expect(isCorrupt(failure)).toBe(true);

    const blocked = failureOf(() => openSqliteFile(join(damaged, 'below-a-file.sqlite')));
    expect(blocked).toMatchObject({ code: 'UNAVAILABLE' });
    expect(isCorrupt(blocked)).toBe(false);
  });

  it('shows why the pragma is set on each open: the library alone syncs less', () => {
    const path = join(folder, 'plain.sqlite');
    openSqliteFile(path).close();
    const plain = new Sqlite(path);
    plain.exec('CREATE TABLE t (a INTEGER) STRICT');
    expect(() => assertDurable(plain)).toThrow();
    plain.close();
  });
});

function failureOf(work: () => unknown): unknown {
  try {
    work();
  } catch (failure) {
    return failure;
  }
  throw new Error('nothing was thrown');
}
