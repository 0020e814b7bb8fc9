import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TOPICS } from '@holdfast/shared/contracts/topics.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { firstStopped, type HaltAt, wakeAndDrain } from '@holdfast/shared/runtime/halt.fixture.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog, LogRecord } from '../platform/event-log/event-log.ts';
import { blockRecord } from '../telemetry/blocks.fixture.ts';
import type { InventoryTask } from './inventory.case.child.ts';
import {
  DATABASES,
  ITEM,
  SITE,
  TENANT,
  TestDatabase,
  type TestLedger,
} from './inventory.fixture.ts';

const BLOCKS = 60;
const PER_BLOCK = 5;
/** Each block receives 3, 3, 3, 3 and picks 2. */
const ON_HAND = BigInt(BLOCKS * 10);
const KEYS = ['gw_1', 'gw_2', 'gw_3'];
const SUBJECT = `${TENANT}/${SITE}/${ITEM}`;

function blocksOf(gatewayId: string): LogRecord[] {
  return Array.from({ length: BLOCKS }, (_, block) => {
    const first = block * PER_BLOCK + 1;
    const messages = Array.from({ length: PER_BLOCK }, (_, index) => ({
      device: `scanner-of-${gatewayId}`,
      payload:
        index === PER_BLOCK - 1
          ? { kind: 'pick', item: ITEM, quantity: 2 }
          : { kind: 'receive', item: ITEM, quantity: 3 },
    }));
    return blockRecord(messages, { first, gatewayId, lane: 'stock' });
  });
}

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`inventory, killed, ${title}`, { timeout: 60_000 }, () => {
    let database: TestDatabase;
    let ledger: TestLedger;
    let log: EventLog;
    const children: ChildProcess[] = [];

    beforeEach(async () => {
      database = new TestDatabase(technology);
      ledger = await database.open();
      const dir = join(database.place.dir, 'log');
      log = await openEmbeddedLog({ dir, runtime: testRuntime() });
    });
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await log.close();
      await database.dispose();
    });

    const start = (haltAt?: HaltAt): ChildProcess => {
      const { place } = database;
      const logDir = join(place.dir, 'log');
      const task: InventoryTask = { place, mode: 'serve', logDir, ...(haltAt && { haltAt }) };
      const file = join(import.meta.dirname, 'inventory.case.child.ts');
      const child = fork(file, [JSON.stringify(task)]);
      children.push(child);
      return child;
    };
    /** The changes of the item, as whoever reads the log sees them: each sequence once. */
    const published = async (): Promise<readonly number[]> => {
      const { partitionCount } = TOPICS.inventory;
      const partition = log.partitionOf('inventory', SUBJECT);
      expect(partition).toBeLessThan(partitionCount);
      const events = await log.read('inventory', partition, 0n, 10_000);
      const own = events.filter(({ headers }) => headers['ce_subject'] === SUBJECT);
      const sequences = new Set(own.map(({ headers }) => Number(headers['ce_sequence'])));
      return [...sequences].sort((a, b) => a - b);
    };

    /** Waits until every block is booked and told, then looks for one that was twice. */
    const expectAllOnce = async (): Promise<void> => {
      const expected = KEYS.length * BLOCKS * PER_BLOCK;
      const waiting = { timeout: 40_000, interval: 50 };
      await vi.waitFor(async () => {
        expect((await ledger.level())?.onHand).toBe(ON_HAND * BigInt(KEYS.length));
      }, waiting);
      await vi.waitFor(async () => {
        expect((await published()).length).toBe(expected);
      }, waiting);
      expect((await published()).at(-1)).toBe(expected);
      expect((await ledger.level())?.version).toBe(BigInt(expected));
    };

    it.each(['event-log.batch.before', 'inventory.committed'])(
      'at %s by a standstill longer than the lease: nothing is booked or told twice',
      async (step) => {
        const victim = start({ step, count: 2, signal: 'SIGSTOP' });
        await log.append('telemetry.batches', KEYS.flatMap(blocksOf));
        await firstStopped([victim]);
        start();
        await expectAllOnce();
        await wakeAndDrain(victim);
        await expectAllOnce();
      },
    );

    it.each([
      ['inventory.before-commit', 2],
      ['inventory.committed', 2],
      ['outbox.published', 1],
    ] as const)('at %s: every movement is booked once, every change told', async (step, count) => {
      const blocks = KEYS.map(blocksOf);
      const append = async (from: number, to: number): Promise<void> => {
        for (let block = from; block < to; block++) {
          await log.append(
            'telemetry.batches',
            blocks.map((own) => own[block]!),
          );
          // Sent again now and then, as edge-link does when its answer was lost.
          if (block % 7 === 0) await log.append('telemetry.batches', [blocks[0]![block]!]);
        }
      };
      const victim = start({ step, count });
      const exit = once(victim, 'exit');
      let next = 0;
      while (victim.exitCode === null && victim.signalCode === null) {
        if (next === BLOCKS) await log.append('telemetry.batches', [blocks[0]![0]!]);
        else await append(next, ++next);
        await systemClock.sleep(next < 10 ? 0 : 20);
      }
      expect((await exit)[1]).toBe('SIGKILL');
      start();
      await append(next, BLOCKS);
      await expectAllOnce();
    });
  });
}
