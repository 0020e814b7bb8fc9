import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TurnCommit } from './turn-commit.sqlite.ts';

let folder: string;
let database: Database;
let undone: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-turn-'));
  database = openSqliteFile(join(folder, 'turn.sqlite'));
  database.exec('create table words (word text)');
  undone = 0;
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

const commitOf = (runtime: Runtime = testRuntime()) =>
  new TurnCommit({ database, runtime, undone: countUndone });
const countUndone = () => {
  undone += 1;
};
const write = (word: string) => () => database.prepare('insert into words values (?)').run(word);

/** What another process would find. */
function onDisk(): unknown[] {
  const other = openSqliteFile(join(folder, 'turn.sqlite'), { readonly: true });
  try {
    return other.prepare('select word from words').pluck().all();
  } finally {
    other.close();
  }
}

describe('a turn', () => {
  it('is on disk when its promises resolve, and not before', async () => {
    const commit = commitOf();
    const done = commit.durably(write('a'));
    expect(onDisk()).toEqual([]);
    await done;
    expect(onDisk()).toEqual(['a']);
  });

  it('takes what nobody waits for with it', async () => {
    const commit = commitOf();
    commit.eventually(write('a'));
    await commit.durably(write('b'));
    expect(onDisk()).toEqual(['a', 'b']);
    commit.eventually(write('c'));
    await expect.poll(onDisk).toEqual(['a', 'b', 'c']);
  });
});

describe('a full disk', () => {
  it('rejects the whole turn, forgets it, and goes on when there is space', async () => {
    const commit = commitOf();
    const pages = Number(database.pragma('page_count', { simple: true }));
    database.pragma(`max_page_count = ${pages}`);
    const small = commit.durably(write('small'));
    const large = commit.durably(write('x'.repeat(100_000)));
    await expect(small).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(large).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([onDisk(), undone]).toEqual([[], 1]);
    database.pragma('max_page_count = 100000');
    await commit.durably(write('again'));
    expect(onDisk()).toEqual(['again']);
  });
});

describe('any other failure', () => {
  it('ends all writing for good', async () => {
    const commit = commitOf();
    const before = commit.durably(write('before'));
    const failing = commit.durably(() => database.exec('insert into nothing values (1)'));
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(before).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(commit.durably(write('after'))).rejects.toBe(commit.failure);
    expect(onDisk()).toEqual([]);
  });
});
