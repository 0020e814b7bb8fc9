import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Row } from './figures.ts';

const BENCH = fileURLToPath(new URL('bench.ts', import.meta.url));
const RUN_MS_MAX = 110_000;

function bench(...args: string[]) {
  return spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8', timeout: RUN_MS_MAX });
}

test('ends with one line of JSON that holds our figure, the peer’s and the ratio', () => {
  const short = ['--rounds', '1', '--seconds', '0.3', '--warm-up', '0.1', '--clients', '4'];
  const done = bench('ingest', '--peers', 'aedes', '--rate', '200', ...short);
  expect(done.stderr).toContain('round 1/1 holdfast');
  expect(done.status).toBe(0);
  const last = done.stdout.trimEnd().split('\n').at(-1)!;
  const { bench: name, rows } = JSON.parse(last) as { bench: string; rows: Row[] };
  expect(name).toBe('ingest');
  const [speed] = rows;
  expect(speed).toMatchObject({ unit: 'msg/s', measure: expect.stringContaining('ingest') });
  expect(speed!.ours).toBeGreaterThan(0);
  expect(speed!.peers['aedes']).toBeGreaterThan(0);
  expect(speed!.ratios['aedes']).toBeCloseTo(speed!.ours / speed!.peers['aedes']!, 1);
  const latency = rows.find(({ measure }) => measure.includes('p99 at 200 msg/s'));
  expect(latency!.peers['fdatasync-4k']).toBeGreaterThan(0);
});

test('measures a footprint: memory, start, writes and what a drained buffer gives back', () => {
  const gateway = ['--parts', 'memory,start,writes,month', '--backlog', '1', '--rounds', '1'];
  const short = ['--seconds', '0.3', '--rate', '200', '--messages', '100'];
  const done = bench('footprint', ...gateway, ...short, '--fills', '2', '--fill-messages', '200');
  expect(done.stderr).toContain('start 1/1');
  expect(done.status).toBe(0);
  const last = done.stdout.trimEnd().split('\n').at(-1)!;
  const { bench: name, rows } = JSON.parse(last) as { bench: string; rows: Row[] };
  expect(name).toBe('footprint');
  const row = (text: string): Row => rows.find(({ measure }) => measure.includes(text))!;
  expect(row('resident memory').ours).toBeGreaterThan(10);
  expect(row('to the first PUBACK').peers['empty start']).toBeGreaterThan(0);
  expect(row('written ÷ accepted bytes, 10 msg/s').ours).toBeGreaterThan(1);
  expect(row('when drained, last of 2 fills').ours).toBeGreaterThan(0);
});

test('answers --help, and refuses what it does not know', () => {
  expect(bench('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('ingest') });
  expect(bench('ingest', '--help').stdout).toContain('--rounds');
  expect(bench('drain', '--help').stdout).toContain('--slow-seconds');
  expect(bench('nothing').status).toBe(2);
  const wrong = bench('ingest', '--peers', 'nobody');
  expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining('no peer "nobody"') });
});
