import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GroupsFile, type Seat } from './groups-file.ts';
import { LogFiles } from './log-files.ts';

const LEASE_MS = 2000;
const LEASE = 2_000_000n;

let folder: string;
let path: string;
let nowMicros: bigint;
let a: GroupsFile;
let b: GroupsFile;
let files: LogFiles;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-groups-'));
  path = join(folder, 'groups.db');
  nowMicros = 0n;
  a = open('a');
  b = open('b');
  files = new LogFiles(path, noSteps);
});
afterEach(() => {
  for (const file of [a, b, files]) file.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(process: string, monotonicMicros = () => nowMicros): GroupsFile {
  return new GroupsFile({ path, process, leaseMs: LEASE_MS, clock: { monotonicMicros } });
}

/** The file renews its lease at that time. */
function renew(file: GroupsFile, atMicros: bigint): void {
  nowMicros = atMicros;
  file.heartbeat();
}

const seat = (member: string): Seat => ({
  group: 'g',
  topic: 'gateways',
  member,
  partitionCount: 4,
});

describe('a lease', () => {
  it('keeps the partitions while it is renewed, and loses them to others when it ends', () => {
    renew(a, 0n);
    expect(a.claim(seat('a.0')).holds).toHaveLength(4);
    renew(b, LEASE - 1n);
    expect(b.claim(seat('b.0'))).toMatchObject({ holds: [], fair: 2 });
    renew(b, LEASE);
    const taken = b.claim(seat('b.0'));
    expect(taken.holds.map(({ partition, epoch }) => [partition, epoch])).toEqual([
      [0, 2n],
      [1, 2n],
      [2, 2n],
      [3, 2n],
    ]);
  });

  it('of an earlier boot is over: its renewal lies in the future', () => {
    renew(a, 1_000_000_000n);
    a.claim(seat('a.0'));
    renew(b, 5n);
    expect(b.claim(seat('b.0')).holds).toHaveLength(4);
  });

  it('that was missed and not used by others costs nothing', () => {
    renew(a, 0n);
    const { holds } = a.claim(seat('a.0'));
    renew(a, 5n * LEASE);
    expect(a.claim(seat('a.0')).holds).toEqual(holds);
    renew(b, 7n * LEASE);
    renew(a, 7n * LEASE);
    expect(a.claim(seat('a.0')).holds).toEqual(holds);
  });

  it('begins with the claim of who was taken for dead, and ends when that one dies', () => {
    renew(a, 0n);
    a.claim(seat('a.0'));
    renew(b, LEASE);
    // Sees that its group changed before its next renewal is due, and is killed then.
    expect(a.claim(seat('a.0')).holds).toHaveLength(4);
    renew(b, 2n * LEASE - 1n);
    expect(b.claim(seat('b.0'))).toMatchObject({ fair: 2, holds: [] });
    renew(b, 2n * LEASE);
    expect(b.claim(seat('b.0'))).toMatchObject({ fair: 4, holds: { length: 4 } });
  });

  it('is timed with the file locked: no renewal that was waited for lies in the future', () => {
    const other = openSqliteFile(path);
    other.pragma('busy_timeout = 0');
    const c = open('c', () => {
      expect(() => other.exec('begin immediate')).toThrow(/locked/);
      return nowMicros;
    });
    c.heartbeat();
    c.claim(seat('c.0'));
    c.close();
    other.close();
    expect.assertions(2);
  });

  it('that an earlier version lost sight of is over', () => {
    renew(a, 0n);
    a.claim(seat('a.0'));
    const file = openSqliteFile(path);
    file.exec("delete from processes where process = 'a'");
    file.close();
    renew(b, 1n);
    expect(b.claim(seat('b.0')).holds).toHaveLength(4);
  });

  it('ends at once when the process closes', () => {
    const c = open('c');
    renew(c, 0n);
    c.claim(seat('c.0'));
    renew(b, 1n);
    c.close();
    expect(b.claim(seat('b.0')).holds).toHaveLength(4);
  });
});

describe('fencing', () => {
  it('refuses the commit and the release of who lost the partition', () => {
    renew(a, 0n);
    const [lost] = a.claim(seat('a.0')).holds;
    const stale = { seat: seat('a.0'), hold: lost!, nextOffset: 90n };
    expect(files.commitOffsets([{ ...stale, nextOffset: 7n }])).toEqual([true]);
    renew(b, LEASE);
    const [taken] = b.claim(seat('b.0')).holds;
    expect(taken).toEqual({ partition: 0, epoch: 2n, nextOffset: 7n });
    expect(files.commitOffsets([stale])).toEqual([false]);
    a.release(stale);
    const held = { seat: seat('b.0'), hold: taken!, nextOffset: 8n };
    expect(files.commitOffsets([held])).toEqual([true]);
  });

  it('raises the epoch also when a member takes back what it gave up', () => {
    renew(a, 0n);
    const [first] = a.claim(seat('a.0')).holds;
    a.release({ seat: seat('a.0'), hold: first!, nextOffset: 3n });
    const [again] = a.claim(seat('a.0')).holds;
    expect(again).toEqual({ partition: 0, epoch: first!.epoch + 1n, nextOffset: 3n });
    const stale = { seat: seat('a.0'), hold: first!, nextOffset: 90n };
    expect(files.commitOffsets([stale])).toEqual([false]);
  });
});

describe('a generation', () => {
  it('grows when a member joins, leaves, dies or gives up, not when it renews or commits', () => {
    const changes: boolean[] = [];
    let last = 0n;
    const look = (): void => {
      const generation = a.generation(seat('a.0'));
      changes.push(generation > last);
      last = generation;
    };
    renew(a, 0n);
    const [hold] = a.claim(seat('a.0')).holds;
    look();
    renew(a, 1n);
    const commit = { seat: seat('a.0'), hold: hold!, nextOffset: 1n };
    files.commitOffsets([commit]);
    a.claim(seat('a.0'));
    look();
    a.release(commit);
    look();
    renew(b, 1n);
    b.claim(seat('b.0'));
    look();
    b.leave(seat('b.0'));
    look();
    b.claim(seat('b.0'));
    look();
    renew(a, 2n * LEASE);
    look();
    expect(changes).toEqual([true, false, true, true, true, true, true]);
  });
});
