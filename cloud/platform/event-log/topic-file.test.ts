import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogRecord } from './event-log.ts';
import { type Cursor, TopicFile } from './topic-file.ts';

let folder: string;
let path: string;
const files: TopicFile[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-topic-'));
  path = join(folder, 'gateways.db');
});
afterEach(() => {
  for (const file of files.splice(0)) file.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (options: { partitionCount?: number; compacted?: boolean } = {}): TopicFile => {
  const { partitionCount = 4, compacted = false } = options;
  const file = new TopicFile({ path, topic: 'gateways', partitionCount, compacted });
  files.push(file);
  return file;
};
const record = (key: string, bytes = 10): LogRecord => ({
  key,
  headers: {},
  value: Buffer.alloc(bytes, key),
});
const keysOf = (file: TopicFile): string[] =>
  [0, 1, 2, 3].flatMap((partition) => file.read(partition, 0n, 10_000).map(({ key }) => key));

function expireAll(file: TopicFile, times: { beforeMs: number; nowMs: number }): number {
  let steps = 0;
  for (let after: Cursor = 0n; after !== undefined; steps++)
    after = file.expire({ ...times, after });
  return steps;
}

describe('the retention by time', () => {
  it('removes what is older, keeps each partition’s newest, and no offset comes twice', () => {
    const file = open();
    const old = file.append(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => record(key)),
      1000,
    )!;
    file.append([record('a')], 5000);
    const ends = [0, 1, 2, 3].map((partition) => file.endOffset(partition));
    expireAll(file, { beforeMs: 4000, nowMs: 6000 });
    const newest = [0, 1, 2, 3].flatMap(
      (partition) => old.filter((each) => each.partition === partition).at(-1)?.offset ?? [],
    );
    expect(keysOf(file)).toContain('a');
    expect(keysOf(file).length).toBeLessThanOrEqual(newest.length + 1);
    expect([0, 1, 2, 3].map((partition) => file.endOffset(partition))).toEqual(ends);
    const [next] = file.append([record('a')], 6000)!;
    expect(next!.offset).toBeGreaterThan(7n);
  });

  it('goes in bounded steps, and its space is used again', () => {
    const file = open();
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      const nowMs = round * 10_000;
      const records = Array.from({ length: 2000 }, (_, i) => record(`k${i}`, 1000));
      file.append(records, nowMs);
      const steps = expireAll(file, { beforeMs: nowMs, nowMs });
      if (round > 0) expect(steps).toBeGreaterThan(2000 / 256);
      sizes.push(Number(openSqliteFile(path).pragma('page_count', { simple: true })));
    }
    expect(sizes[5]).toBeLessThanOrEqual(sizes[2]! * 1.1);
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  it('passes over what a wrong clock dated into the future', () => {
    const file = open();
    file.append([record('future')], 1_000_000);
    file.append(
      Array.from({ length: 600 }, () => record('a')),
      1000,
    );
    file.append([record('a')], 5000);
    expireAll(file, { beforeMs: 4000, nowMs: 6000 });
    expect(keysOf(file).toSorted()).toEqual(['a', 'future']);
  });
});

describe('the compaction', () => {
  it('keeps the last event of each key, in bounded steps, and goes on where it ended', () => {
    const file = open({ compacted: true });
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    for (let round = 0; round < 3; round++)
      file.append(
        keys.map((key) => record(key)),
        round,
      );
    let steps = 1;
    while (file.compact() !== undefined) steps++;
    expect(steps).toBeGreaterThan(3);
    expect(keysOf(file).toSorted()).toEqual(keys.toSorted());
    file.append([record('k7')], 4);
    file.close();
    const again = open({ compacted: true });
    expect(again.compact()).toBeUndefined();
    expect(keysOf(again)).toHaveLength(300);
    expect(again.read(again.append([record('k7')], 5)![0]!.partition, 900n, 10)).toHaveLength(2);
  });
});

describe('what is new', () => {
  it('is what other processes append, not what this one did', () => {
    const [ours, written, theirs] = [open(), open(), open()];
    const append = (...keys: string[]): void => {
      const records = keys.map((key) => record(key));
      ours.appended(written.append(records, 1)!, records);
    };
    expect(ours.changed()).toBe(false);
    append('a', 'b');
    append('c');
    expect(ours.changed()).toBe(false);
    theirs.append([record('d')], 1);
    expect(ours.changed()).toBe(true);
    expect(ours.changed()).toBe(false);
    append('e');
    expect(ours.changed()).toBe(false);
    // Theirs lies between ours, and ours were told before anybody looked.
    theirs.append([record('f')], 1);
    append('g');
    append('h');
    expect(ours.changed()).toBe(true);
    append('i');
    expect(ours.changed()).toBe(false);
    expect(open().changed()).toBe(false);
    expect(keysOf(ours).toSorted()).toEqual([...'abcdefghi']);
  });
});

describe('the file', () => {
  it('refuses another partition count: keys would move', () => {
    open().close();
    expect(() => open({ partitionCount: 8 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('4') }),
    );
  });

  it('refuses a format that a newer version wrote', () => {
    open().close();
    const database = openSqliteFile(path);
    database.pragma('user_version = 99');
    database.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('stores nothing and says so while another process writes', () => {
    const file = open();
    const other = openSqliteFile(path);
    other.exec('begin immediate');
    expect(file.append([record('a')], 1)).toBeUndefined();
    expect(keysOf(file)).toEqual([]);
    other.exec('commit');
    other.close();
    expect(file.append([record('a')], 1)).toHaveLength(1);
  });

  it('opens anew after a write that failed', () => {
    const file = open();
    const other = openSqliteFile(path);
    other.exec(
      "create trigger broken before insert on events begin select raise(fail, 'disk'); end",
    );
    expect(() => file.append([record('a')], 1)).toThrow(
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    );
    other.exec('drop trigger broken');
    other.close();
    expect(file.append([record('a')], 1)).toHaveLength(1);
  });

  it('sees that another process changed it, once', () => {
    const [file, other] = [open(), open()];
    expect(file.changed()).toBe(false);
    file.append([record('a')], 1);
    expect(file.changed()).toBe(false);
    other.append([record('a')], 1);
    expect([file.changed(), file.changed()]).toEqual([true, false]);
  });
});
