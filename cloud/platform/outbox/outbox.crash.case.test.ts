import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CaseWorld, TECHNOLOGIES } from '@holdfast/shared/platform/sql/sql.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { firstStopped, type HaltAt, wakeAndDrain } from '@holdfast/shared/runtime/halt.fixture.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import type { OutboxTask } from './outbox.case.child.ts';
import {
  type CaseTables,
  caseOutbox,
  effectsOf,
  MIGRATIONS,
  sampleEvent,
} from './outbox.fixture.ts';

/** Enough to keep each partition busy. */
const SUBJECTS = Array.from({ length: 20 }, (_, i) => `gw_${i}`);
const EVENTS_EACH = Array.from({ length: 20 }, (_, i) => i + 1);

const runtime = testRuntime();
const outbox = caseOutbox(runtime);
const children: ChildProcess[] = [];
let world: CaseWorld;
let sql: Sql<CaseTables>;

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(title.replace('sql', 'outbox and inbox'), () => {
    beforeEach(async () => {
      world = new CaseWorld(technology);
      sql = (await world.open({ migrations: MIGRATIONS })) as unknown as Sql<CaseTables>;
    });
    afterEach(async () => {
      for (const child of children.splice(0)) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      await world.dispose();
    });
    it.each([
      ['SIGKILL', 'outbox.published'],
      ['SIGKILL', 'outbox.removed'],
      ['SIGSTOP', 'outbox.publish.before'],
      ['SIGSTOP', 'outbox.published'],
    ] as const)(
      'publish everything in order with two relays, one that gets a %s at %s',
      (signal, step) => publishesEverything({ step, count: 2, signal }),
      60_000,
    );
    // Offsets are committed together: there may be no third time for a process to die at.
    it.each([
      ['SIGKILL', 'sql.committed', 3],
      ['SIGKILL', 'event-log.offset.committed', 1],
      ['SIGSTOP', 'event-log.batch.before', 3],
      ['SIGSTOP', 'sql.committed', 3],
    ] as const)(
      'make each effect once with two consumers, one that gets a %s at %s',
      (signal, step, count) => makesEachEffectOnce({ step, count, signal }),
      60_000,
    );
  });
}

async function publishesEverything(haltAt: HaltAt): Promise<void> {
  const relays = [start({ role: 'relay', haltAt }), start({ role: 'relay', haltAt })];
  const wake = await underLoad(relays, haltAt);
  await vi.waitFor(
    async () => {
      const rows = await sql.read((db) => db.selectFrom('outbox').select('id').execute());
      expect(rows).toHaveLength(0);
    },
    { timeout: 30_000, interval: 50 },
  );
  await wake();
  const sequences = await readTopic();
  for (const subject of SUBJECTS) {
    // The first time that each event comes is in order; what comes again was there before.
    const firsts = [...new Set(sequences.get(subject))];
    expect(firsts).toEqual(EVENTS_EACH);
  }
}

async function makesEachEffectOnce(haltAt: HaltAt): Promise<void> {
  const relay = start({ role: 'relay' });
  await once(relay, 'message');
  const consumers = [start({ role: 'consumer', haltAt }), start({ role: 'consumer', haltAt })];
  const wake = await underLoad(consumers, haltAt);
  await vi.waitFor(
    async () => {
      const effects = [...(await effectsOf(sql)).values()].flat();
      expect(effects.length).toBeGreaterThanOrEqual(SUBJECTS.length * EVENTS_EACH.length);
    },
    { timeout: 30_000, interval: 50 },
  );
  await wake();
  const effects = await effectsOf(sql);
  for (const subject of SUBJECTS) expect(effects.get(subject)).toEqual(EVENTS_EACH);
}

/**
 * Events come before, while and after one of the processes halts. Wakes it, when it stands still,
 * and waits until it has done what it still had in mind.
 */
async function underLoad(
  processes: readonly ChildProcess[],
  { signal }: HaltAt,
): Promise<() => Promise<void>> {
  const dead = Promise.race(processes.map((child) => once(child, 'exit')));
  await Promise.all(processes.map((child) => once(child, 'message')));
  await produce(15);
  if (signal === 'SIGSTOP') {
    const stopped = await firstStopped(processes);
    await produce(5);
    return () => wakeAndDrain(stopped);
  }
  expect((await dead)[1]).toBe('SIGKILL');
  await produce(5);
  return async () => {};
}

function start(task: Pick<OutboxTask, 'role' | 'haltAt'>): ChildProcess {
  const { technology, dir, url, service } = world;
  const database = { technology, dir, url, service };
  const argument: OutboxTask = { ...task, database, logDir: join(dir, 'log') };
  const child = fork(join(import.meta.dirname, 'outbox.case.child.ts'), [JSON.stringify(argument)]);
  children.push(child);
  return child;
}

/** Of each aggregate one after the other, the aggregates at once. */
async function produce(countEach: number): Promise<void> {
  await Promise.all(
    SUBJECTS.map(async (subject) => {
      for (let i = 0; i < countEach; i++) {
        await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent(subject)));
      }
    }),
  );
}

async function readTopic(): Promise<Map<string, number[]>> {
  const log = await openEmbeddedLog({ dir: join(world.dir, 'log'), runtime });
  const sequences = new Map<string, number[]>();
  for (let partition = 0; partition < 4; partition++) {
    for (const { headers } of await log.read('gateways', partition, 0n, 10_000)) {
      const subject = headers['ce_subject'] ?? '';
      sequences.set(subject, [...(sequences.get(subject) ?? []), Number(headers['ce_sequence'])]);
    }
  }
  await log.close();
  return sequences;
}
