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

const SUBJECTS = Array.from({ length: 6 }, (_, i) => `gw_${i}`);
const EVENTS_EACH = 60;

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
  const killed = start({ role: 'relay', killAt: { step, count: 3 } });
  await once(killed, 'message');
  await once(start({ role: 'relay' }), 'message');
  await produce(() => once(killed, 'exit'));
  await allPublished();
  expect(killed.signalCode).toBe('SIGKILL');
  const sequences = await readTopic();
  for (const subject of SUBJECTS) {
    // The first time that each event comes is in order; what comes again was there before.
    const firsts = [...new Set(sequences.get(subject))];
    expect(firsts).toEqual(Array.from({ length: EVENTS_EACH }, (_, i) => i + 1));
  }
}

async function makesEachEffectOnce(step: string): Promise<void> {
  await once(start({ role: 'relay' }), 'message');
  const killed = start({ role: 'consumer', killAt: { step, count: 6 } });
  await Promise.all([killed, start({ role: 'consumer' })].map((child) => once(child, 'message')));
  await produce(() => once(killed, 'exit'));
  await allPublished();
  await vi.waitFor(
    async () => {
      const rows = await sql.read((db) => db.selectFrom('effects').selectAll().execute());
      expect(rows).toHaveLength(SUBJECTS.length * EVENTS_EACH);
      for (const { sequence, nth } of rows) expect(sequence).toBe(nth);
    },
    { timeout: 20_000, interval: 50 },
  );
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

/** Each aggregate's events one after the other, the aggregates at once; the last after the kill. */
async function produce(killed: () => Promise<unknown>): Promise<void> {
  const dead = killed();
  await Promise.all(
    SUBJECTS.map(async (subject) => {
      for (let i = 0; i < EVENTS_EACH; i++) {
        if (i === EVENTS_EACH - 5) await dead;
        await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent(subject)));
      }
    }),
  );
}

function allPublished(): Promise<void> {
  return vi.waitFor(
    async () => {
      const rows = await sql.read((db) => db.selectFrom('outbox').select('id').execute());
      expect(rows).toEqual([]);
    },
    { timeout: 20_000, interval: 50 },
  );
}

async function readTopic(): Promise<Map<string, number[]>> {
  const log = await openEmbeddedLog({ dir: join(world.dir, 'log'), runtime });
  const sequences = new Map<string, number[]>(SUBJECTS.map((subject) => [subject, []]));
  for (let partition = 0; partition < 4; partition++) {
    for (const { headers } of await log.read('gateways', partition, 0n, 10_000)) {
      sequences.get(headers['ce_subject']!)!.push(Number(headers['ce_sequence']));
    }
  }
  await log.close();
  return sequences;
}
