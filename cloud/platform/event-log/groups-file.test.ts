import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GroupsFile, type Seat } from './groups-file.ts';
import { LogFiles } from './log-files.ts';

const LEASE_MS = 2000;
const LEASE = 2_000_000n;

let folder: string;
let a: GroupsFile;
let b: GroupsFile;
let files: LogFiles;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-groups-'));
  const path = join(folder, 'groups.db');
  a = new GroupsFile({ path, process: 'a', leaseMs: LEASE_MS });
  b = new GroupsFile({ path, process: 'b', leaseMs: LEASE_MS });
  files = new LogFiles(path, noSteps);
});
afterEach(() => {
  for (const file of [a, b, files]) file.close();
  rmSync(folder, { recursive: true, force: true });
});

const seat = (member: string): Seat => ({
  group: 'g',
  topic: 'gateways',
  member,
  partitionCount: 4,
});

describe('a lease', () => {
  it('keeps the partitions while it is renewed, and loses them to others when it ends', () => {
    a.heartbeat(0n);
    expect(a.claim(seat('a.0')).holds).toHaveLength(4);
    b.heartbeat(LEASE - 1n);
    expect(b.claim(seat('b.0'))).toMatchObject({ holds: [], fair: 2 });
    b.heartbeat(LEASE);
    const taken = b.claim(seat('b.0'));
    expect(taken.holds.map(({ partition, epoch }) => [partition, epoch])).toEqual([
      [0, 2n],
      [1, 2n],
      [2, 2n],
      [3, 2n],
    ]);
  });

  it('of an earlier boot is over: its renewal lies in the future', () => {
    a.heartbeat(1_000_000_000n);
    a.claim(seat('a.0'));
    b.heartbeat(5n);
    expect(b.claim(seat('b.0')).holds).toHaveLength(4);
  });

  it('that was missed and not used by others costs nothing', () => {
    a.heartbeat(0n);
    const { holds } = a.claim(seat('a.0'));
    expect(a.heartbeat(5n * LEASE)).toBe(false);
    expect(a.claim(seat('a.0')).holds).toEqual(holds);
    b.heartbeat(7n * LEASE);
    expect(a.heartbeat(7n * LEASE)).toBe(true);
    expect(a.claim(seat('a.0')).holds).toEqual(holds);
  });

  it('ends at once when the process closes', () => {
    const c = new GroupsFile({ path: join(folder, 'groups.db'), process: 'c', leaseMs: LEASE_MS });
    c.heartbeat(0n);
    c.claim(seat('c.0'));
    b.heartbeat(1n);
    c.close();
    expect(b.claim(seat('b.0')).holds).toHaveLength(4);
  });
});

describe('fencing', () => {
  it('refuses the commit and the release of who lost the partition', () => {
    a.heartbeat(0n);
    const [lost] = a.claim(seat('a.0')).holds;
    const stale = { seat: seat('a.0'), hold: lost!, nextOffset: 90n };
    expect(files.commitOffsets([{ ...stale, nextOffset: 7n }])).toEqual([true]);
    b.heartbeat(LEASE);
    const [taken] = b.claim(seat('b.0')).holds;
    expect(taken).toEqual({ partition: 0, epoch: 2n, nextOffset: 7n });
    expect(files.commitOffsets([stale])).toEqual([false]);
    a.release(stale);
    const held = { seat: seat('b.0'), hold: taken!, nextOffset: 8n };
    expect(files.commitOffsets([held])).toEqual([true]);
  });

  it('raises the epoch also when a member takes back what it gave up', () => {
    a.heartbeat(0n);
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
    a.heartbeat(0n);
    const [hold] = a.claim(seat('a.0')).holds;
    look();
    a.heartbeat(1n);
    const commit = { seat: seat('a.0'), hold: hold!, nextOffset: 1n };
    files.commitOffsets([commit]);
    a.claim(seat('a.0'));
    look();
    a.release(commit);
    look();
    b.heartbeat(1n);
    b.claim(seat('b.0'));
    look();
    b.leave(seat('b.0'));
    look();
    b.claim(seat('b.0'));
    look();
    a.heartbeat(2n * LEASE);
    look();
    expect(changes).toEqual([true, false, true, true, true, true, true]);
  });
});
