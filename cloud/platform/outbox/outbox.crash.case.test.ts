import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CaseWorld, TECHNOLOGIES } from '@holdfast/shared/platform/sql/sql.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import type { OutboxTask } from './outbox.case.child.ts';
import { type CaseTables, caseOutbox, MIGRATIONS, sampleEvent } from './outbox.fixture.ts';

/** Enough to keep each partition busy. */
const SUBJECTS = Array.from({ length: 20 }, (_, i) => `gw_${i}`);
const EVENTS_EACH = 20;

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
    it.each(['outbox.publish.before', 'outbox.published', 'outbox.removed'])(
      'publish everything in order with two relays, one killed at %s',
      (step) => publishesEverything(step),
      60_000,
    );
    it.each(['sql.committed', 'event-log.batch.handled', 'event-log.offset.committed'])(
      'make each effect once with two consumers, one killed at %s',
      (step) => makesEachEffectOnce(step),
      60_000,
    );
  });
}

async function publishesEverything(step: string): Promise<void> {
  const killed = start({ role: 'relay', killAt: { step, count: 2 } });
  const dead = once(killed, 'exit');
  await once(killed, 'message');
  // Its first batch: from here on it holds the lease.
  await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent('gw_first')));
  await allPublished();
  await once(start({ role: 'relay' }), 'message');
  await produce(range(0, 15));
  await dead;
  await produce(range(15, EVENTS_EACH));
  await allPublished();
  expect(killed.signalCode).toBe('SIGKILL');
  const sequences = await readTopic();
  for (const subject of SUBJECTS) {
    // The first time that each event comes is in order; what comes again was there before.
    const firsts = [...new Set(sequences.get(subject))];
    expect(firsts).toEqual(range(1, EVENTS_EACH + 1));
  }
}

async function makesEachEffectOnce(step: string): Promise<void> {
  const killed = start({ role: 'consumer', killAt: { step, count: 3 } });
  const dead = once(killed, 'exit');
  const others = [start({ role: 'consumer' }), start({ role: 'relay' })];
  await Promise.all([killed, ...others].map((child) => once(child, 'message')));
  await produce(range(0, 15));
  await dead;
  await produce(range(15, EVENTS_EACH));
  await vi.waitFor(
    async () => {
      const rows = await sql.read((db) => db.selectFrom('effects').selectAll().execute());
      expect(rows.length).toBeGreaterThanOrEqual(SUBJECTS.length * EVENTS_EACH);
    },
    { timeout: 20_000, interval: 50 },
  );
  const rows = await sql.read((db) => db.selectFrom('effects').selectAll().execute());
  expect(rows.filter(({ sequence, nth }) => sequence !== nth)).toEqual([]);
  expect(rows).toHaveLength(SUBJECTS.length * EVENTS_EACH);
  expect(killed.signalCode).toBe('SIGKILL');
}

function start(task: Pick<OutboxTask, 'role' | 'killAt'>): ChildProcess {
  const { technology, dir, url, service } = world;
  const database = { technology, dir, url, service };
  const argument: OutboxTask = { ...task, database, logDir: join(dir, 'log') };
  const child = fork(join(import.meta.dirname, 'outbox.case.child.ts'), [JSON.stringify(argument)]);
  children.push(child);
  return child;
}

/** One event of each aggregate per round; the aggregates at once. */
async function produce(rounds: readonly number[]): Promise<void> {
  await Promise.all(
    SUBJECTS.map(async (subject) => {
      for (const _ of rounds) {
        await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent(subject)));
      }
    }),
  );
}

function allPublished(): Promise<void> {
  return vi.waitFor(
    async () => {
      const rows = await sql.read((db) => db.selectFrom('outbox').select('id').execute());
      expect(rows).toHaveLength(0);
    },
    { timeout: 20_000, interval: 50 },
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

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}
