import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type LogWriter, openLogWriter } from './log-writer.ts';

let folder: string;
let writer: LogWriter;
let topic: { path: string; topic: 'gateways'; partitionCount: number; compacted: boolean };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-log-writer-'));
  topic = {
    path: join(folder, 'gateways.db'),
    topic: 'gateways',
    partitionCount: 1,
    compacted: false,
  };
  const options = { groupsPath: join(folder, 'groups.db'), runtime: testRuntime() };
  writer = await openLogWriter('thread', options);
});
afterEach(async () => {
  await writer.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = (text: string) =>
  writer.write('append', topic, {
    records: [{ key: 'a', headers: {}, value: Buffer.from(text) }],
    nowMs: 1,
  });

it('takes a view of a larger buffer without the rest of it', async () => {
  const large = Buffer.alloc(1024 * 1024, 'x');
  const value = large.subarray(10, 20);
  const records = [{ key: 'a', headers: {}, value }];
  expect(await writer.write('append', topic, { records, nowMs: 1 })).toHaveLength(1);
  // Still the caller's: nothing of it moved away.
  expect(large.byteLength).toBe(1024 * 1024);
  expect(value.toString()).toBe('x'.repeat(10));
});

it('tells a failure with its code, and goes on', async () => {
  await append('one');
  const other = await openLogWriter('thread', {
    groupsPath: join(folder, 'groups.db'),
    runtime: testRuntime(),
  });
  const records = [{ key: 'a', headers: {}, value: Buffer.from('two') }];
  await expect(
    other.write('append', { ...topic, partitionCount: 2 }, { records, nowMs: 1 }),
  ).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  expect(await other.write('append', topic, { records, nowMs: 1 })).toHaveLength(1);
  await other.close();
});

it('leaves no call waiting when its thread ends, and writes on in another', async () => {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  await append('one');
  const thread = posted.mock.contexts[0] as Worker;
  posted.mockRestore();
  const waiting = Promise.allSettled([append('two'), append('three')]);
  await thread.terminate();
  for (const outcome of await waiting) {
    if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('UNAVAILABLE');
  }
  const [position] = (await append('four'))!;
  expect(position!.offset).toBeGreaterThan(1n);
});

it('refuses writes once it is closed', async () => {
  await append('one');
  await writer.close();
  await expect(append('two')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
