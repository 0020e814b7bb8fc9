import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, joinGroup, KEYS, record, TOPIC } from './event-log.case.adapters.ts';
import type { LogReport, LogTask } from './event-log.case.child.ts';
import { type EmbeddedLogOptions, openEmbeddedLog } from './event-log.embedded.ts';
import type { EventLog } from './event-log.ts';

let dir: string;
const logs: EventLog[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
});
afterEach(async () => {
  await Promise.all(logs.splice(0).map((log) => log.close()));
  rmSync(dir, { recursive: true, force: true });
});

async function open(
  replaced: Partial<Runtime> = {},
  options: Partial<EmbeddedLogOptions> = {},
): Promise<EventLog> {
  const times = { leaseMs: 1000, stopTimeoutMs: 1000 };
  const log = await openEmbeddedLog({ dir, runtime: testRuntime(replaced), ...times, ...options });
  logs.push(log);
  return log;
}

const STEPS = [
  'event-log.append.before',
  'event-log.append.before-commit',
  'event-log.append.committed',
  'event-log.batch.before',
  'event-log.batch.handled',
  'event-log.offset.committed',
];

const PLACES = ['thread', 'inline'] as const;
const KILLS = PLACES.flatMap((writes) => STEPS.map((step) => ({ writes, step })));

it.each(KILLS)('keeps what was acknowledged when killed at $step, $writes', async (kill) => {
  const { writes, step } = kill;
  const task: LogTask = {
    dir,
    writes,
    append: { keys: KEYS },
    consume: { group: 'g' },
    haltAt: { step, count: 12 },
  };
  const child = fork(join(import.meta.dirname, 'event-log.case.child.ts'), [JSON.stringify(task)]);
  const appended: string[] = [];
  const handled: string[] = [];
  child.on('message', (report: LogReport) => {
    appended.push(...(report.appended ?? []));
    handled.push(...(report.handled?.texts ?? []));
  });
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  const member = await joinGroup(await open(), { group: 'g' });
  await eventually(() => {
    const seen = new Set([...handled, ...member.texts()]);
    expect(appended.filter((text) => !seen.has(text))).toEqual([]);
  });
});

it.each(PLACES)('reaches its steps in order, %s', async (writes) => {
  const reached: string[] = [];
  const log = await open({ steps: { reach: (step) => reached.push(step) } }, { writes });
  const handle = async (): Promise<void> => void reached.push('handle');
  // A reader that is there already may see the record before the thread's word of the commit comes.
  await log.append(TOPIC, [record('a')]);
  const member = await joinGroup(log, { group: 'g', handle });
  await eventually(() => expect(reached).toContain('event-log.offset.committed'));
  expect(member.texts()).toEqual(['a']);
  expect(reached).toEqual([...STEPS.slice(0, 4), 'handle', ...STEPS.slice(4)]);
});

it('stores the appends of one turn with one sync', async () => {
  let commits = 0;
  const reach = (step: string): void => {
    if (step === 'event-log.append.committed') commits += 1;
  };
  const log = await open({ steps: { reach } });
  await Promise.all(KEYS.map((key) => log.append(TOPIC, [record(key)])));
  expect(commits).toBe(1);
});

it('brings an event to this process’s members without waiting for a poll', async () => {
  const log = await open({}, { pollMs: 3_600_000 });
  const member = await joinGroup(log, { group: 'g' });
  await log.append(TOPIC, [record('a')]);
  await eventually(() => expect(member.texts()).toEqual(['a']));
});

it('waits for another process’s lock without blocking this one', async () => {
  const log = await open();
  await log.append(TOPIC, [record('a', '0')]);
  const other = openSqliteFile(join(dir, `${TOPIC}.db`));
  other.exec('begin immediate');
  let stored = false;
  const appended = log.append(TOPIC, [record('a', '1')]).then(() => {
    stored = true;
  });
  // Asked for later, in another file: the first has been tried by then, and is tried again.
  await log.append('orders', [record('a')]);
  expect(stored).toBe(false);
  other.exec('commit');
  other.close();
  await appended;
  expect(await log.read(TOPIC, log.partitionOf(TOPIC, 'a'), 0n, 10)).toHaveLength(2);
});

it('pauses longer after each failure of a batch, up to a bound', async () => {
  const pauses: number[] = [];
  const clock: Runtime['clock'] = {
    ...systemClock,
    // Only the pauses are shortened: they lie between the poll and the retention.
    after: (ms, callback, options) => {
      const isPause = ms >= 50 && ms < 15_000;
      if (isPause) pauses.push(ms);
      return systemClock.after(isPause ? 1 : ms, callback, options);
    },
  };
  const log = await open({ clock });
  await log.append(TOPIC, [record('a')]);
  const handle = (): Promise<void> => Promise.reject(new Error('no'));
  await joinGroup(log, { group: 'g', handle, onError: () => {} });
  await eventually(() => expect(pauses.length).toBeGreaterThan(12));
  for (const [failure, ms] of pauses.slice(0, 13).entries()) {
    const longest = Math.min(10_000, 100 * 2 ** failure);
    expect(ms).toBeGreaterThanOrEqual(longest / 2);
    expect(ms).toBeLessThanOrEqual(longest);
  }
});

it('takes up again what it lost while its event loop stood still', async () => {
  const log = await open();
  const member = await joinGroup(log, { group: 'g' });
  const other = await open();
  const rival = await joinGroup(other, { group: 'g' });
  await log.append(TOPIC, [record('a', '0')]);
  await eventually(() => expect([...member.texts(), ...rival.texts()]).toContain('0'));
  // Both logs live in this process: after the standstill each takes the other for dead.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  await log.append(
    TOPIC,
    KEYS.map((key) => record(key)),
  );
  await eventually(() => {
    expect(new Set([...member.texts(), ...rival.texts()]).size).toBe(KEYS.length + 1);
  });
});
