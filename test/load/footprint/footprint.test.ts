import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rowOf } from '../figures.ts';
import type { BufferRunResult } from './buffer-run.ts';
import type { Sample } from './memory.ts';
import { diskBytes, peakOf, writtenOf } from './process-figures.ts';
import { cautionsOf, count, type Figures, flatLines, measuredOf, type NamedRun } from './report.ts';
import { sensorMessages } from './sensor-messages.ts';

const DISK = { perSecond: 1_000, p50Ms: 1, p99Ms: 2 };

function sample(changes: Partial<Sample>): Sample {
  const bytes = { acceptedBytes: 1_000, writtenBytes: 3_000, diskBytes: 5_000 };
  return { backlog: 0, peakBytes: 100e6, ...bytes, perSecond: 5_000, disk: DISK, ...changes };
}

function run(changes: Partial<BufferRunResult>): NamedRun {
  const none = { commits: 1, diskBytes: 0, fills: [], drains: [], seconds: 1 };
  const result = { messages: 0, acceptedBytes: 0, writtenBytes: 0, ...none, ...changes };
  return { load: 'JSON', perSecond: 10, commitWindowMs: 0, result, disk: DISK };
}

function figures(changes: Partial<Figures>): Figures {
  const none = { samples: [], starts: [], outages: [], writes: [], months: [] };
  return { perSecond: 5_000, payloadBytes: 256, ...none, ...changes };
}

const rowsOf = (changes: Partial<Figures>) =>
  measuredOf(figures(changes))
    .map(rowOf)
    .filter(({ measure }) => !measure.includes('fdatasync'));

test('reads the peak of memory and the bytes written from what the kernel tells', () => {
  const status = 'Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n';
  expect(peakOf(status)).toBe(2 * 1024 * 1024);
  const io = 'rchar: 9\nwchar: 8\nread_bytes: 7\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n';
  expect(writtenOf(io)).toBe(4096);
  expect(() => peakOf('nothing')).toThrow(/VmHWM/);
});

test('counts what the files of a folder take', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-footprint-'));
  writeFileSync(join(folder, 'a'), Buffer.alloc(10_000, 1));
  writeFileSync(join(folder, 'b'), Buffer.alloc(1, 1));
  const bytes = diskBytes(folder);
  rmSync(folder, { recursive: true });
  expect(bytes).toBeGreaterThanOrEqual(10_001);
  expect(bytes).toBeLessThan(100_000);
});

test('shows each level of backlog beside the lowest one', () => {
  const samples = [sample({}), sample({ backlog: 10_000_000, peakBytes: 109e6 })];
  const [empty, full, written] = rowsOf({ samples });
  expect(empty).toMatchObject({ unit: 'MB', ours: 100, ratios: { 'at 0': 1 } });
  expect(full).toMatchObject({ ours: 109, ratios: { 'at 0': 1.09 } });
  expect(full!.measure).toContain('10 M messages');
  expect(written).toMatchObject({ unit: '×', ours: 3 });
  expect(flatLines(samples)).toEqual(['resident memory is flat: its samples differ by 9.0 %']);
  const grown = [...samples, sample({ peakBytes: 120e6 })];
  expect(flatLines(grown)).toEqual(['resident memory is not flat: its samples differ by 20.0 %']);
});

test('says when the gateway did not keep up with the rate', () => {
  const samples = [sample({}), sample({ backlog: 1_000, perSecond: 4_000 })];
  expect(cautionsOf(figures({ samples }))).toEqual([
    'at 1 k of backlog only 4000 msg/s were accepted',
  ]);
});

test('divides what was written by what was accepted, and names the window', () => {
  const [row] = rowsOf({ writes: [run({ acceptedBytes: 200, writtenBytes: 3_000 })] });
  expect(row).toMatchObject({ unit: '×', ours: 15 });
  expect(row!.measure).toContain('10 msg/s, JSON, commitWindowMs 0');
});

test('says what an outage takes in all, and per message', () => {
  const outage = { messages: 36_000, acceptedBytes: 3.6e6, diskBytes: 0.72e6 };
  const [whole, each] = rowsOf({ outages: [run(outage)] });
  expect(whole).toMatchObject({ unit: 'MB', ours: 0.72, ratios: { 'payload bytes': 0.2 } });
  expect(whole!.measure).toContain('outage of 1 h');
  expect(each).toMatchObject({ unit: 'B', ours: 20 });
});

test('compares starts round by round, and the last fill with the first', () => {
  const starts = [
    { emptyMs: 1_000, backlogMs: 1_100, disk: DISK },
    { emptyMs: 500, backlogMs: 600, disk: DISK },
    { emptyMs: 1_000, backlogMs: 1_300, disk: DISK },
  ];
  const months = [run({ messages: 3_000, fills: [10e6, 11e6, 10e6], drains: [1e6, 1e6, 2e6] })];
  const [start, full, drained] = rowsOf({ starts, months });
  expect(start).toMatchObject({ ours: 1_100, ratios: { 'empty start': 1.2 } });
  expect(full).toMatchObject({ ours: 10, ratios: { 'first fill': 1 } });
  expect(drained).toMatchObject({ ours: 2, ratios: { 'last fill': 0.2 } });
});

test('writes large counts as a reader says them', () => {
  expect([0, 999, 25_900, 999_600, 9_980_000].map(count)).toEqual([
    ...['0', '999', '25.9 k', '1 M', '9.98 M'],
  ]);
});

test('the same load gives the same messages, in order of time', async () => {
  const take = async () => {
    const taken: string[] = [];
    let lastMs = 0;
    for await (const { atMs, message } of sensorMessages({ perSecond: 10, startMs: 0 })) {
      expect(atMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = atMs;
      taken.push(`${message.lane} ${message.topic} ${Buffer.from(message.payload)}`);
      if (taken.length === 500) return taken;
    }
    return taken;
  };
  expect(await take()).toEqual(await take());
});
