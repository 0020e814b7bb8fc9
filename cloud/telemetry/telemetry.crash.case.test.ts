import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { firstStopped, wakeAndDrain } from '@holdfast/shared/runtime/halt.fixture.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog, LogRecord } from '../platform/event-log/event-log.ts';
import { blockRecord } from './blocks.fixture.ts';
import { DATABASES, TestDatabase } from './databases.fixture.ts';
import { SeriesReader } from './store/readings.fixture.ts';
import type { TelemetryTables } from './store/tables.ts';
import type { TelemetryTask } from './telemetry.case.child.ts';

const GATEWAYS = ['gw_1', 'gw_2', 'gw_3', 'gw_4'];
const RECORDS_PER_BLOCK = 25;

/** Each gateway has a device of its own; a reading's value is its sequence. */
function blocksOf(gatewayId: string, count: number): LogRecord[] {
  return Array.from({ length: count }, (_, block) => {
    const first = block * RECORDS_PER_BLOCK + 1;
    const messages = Array.from({ length: RECORDS_PER_BLOCK }, (_, index) => ({
      device: `of-${gatewayId}`,
      channel: 't',
      payload: first + index,
      atMicros: (first + index) * 1_000_000,
    }));
    return blockRecord(messages, { first, gatewayId });
  });
}

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`telemetry, killed, ${title}`, { timeout: 60_000 }, () => {
    let database: TestDatabase;
    let sql: Sql<TelemetryTables>;
    let log: EventLog;
    const children: ChildProcess[] = [];

    beforeEach(async () => {
      database = new TestDatabase(technology);
      sql = await database.open();
      log = await openEmbeddedLog({ dir: join(database.dir, 'log'), runtime: testRuntime() });
    });
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await log.close();
      await database.dispose();
    });

    const start = async (haltAt?: TelemetryTask['haltAt']): Promise<ChildProcess> => {
      const logDir = join(database.dir, 'log');
      const task: TelemetryTask = { place: database.place, logDir, ...(haltAt && { haltAt }) };
      const file = join(import.meta.dirname, 'telemetry.case.child.ts');
      const child = fork(file, [JSON.stringify(task)]);
      children.push(child);
      return child;
    };
    const contiguous = async (): Promise<bigint> => {
      const rows = await sql.read((db) => db.selectFrom('streams').select('contiguous').execute());
      return rows.reduce((sum, row) => sum + row.contiguous, 0n);
    };
    /** Waits until every record is applied, then looks for a loss, a repeat and a wrong sum. */
    const expectAllOnce = async (blocksPerGateway: number): Promise<void> => {
      const records = blocksPerGateway * RECORDS_PER_BLOCK;
      const total = BigInt(records * GATEWAYS.length);
      await vi.waitFor(async () => expect(await contiguous()).toBe(total), {
        timeout: 40_000,
        interval: 20,
      });
      const expected = Array.from({ length: records }, (_, index) => index + 1);
      for (const gatewayId of GATEWAYS) {
        const reader = await SeriesReader.of(sql, { device: `of-${gatewayId}`, metric: 't' });
        const readings = await reader.bySequence(10_000);
        expect(readings.map((reading) => reading.sequence)).toEqual(expected);
        expect(readings.map((reading) => reading.content)).toEqual(expected);
        const hours = await reader.buckets('1h');
        expect(hours.reduce((sum, { summary }) => sum + summary.count, 0)).toBe(records);
      }
      const latest = await sql.read((db) => db.selectFrom('latest').select('sequence').execute());
      expect(latest.map((row) => Number(row.sequence))).toEqual(GATEWAYS.map(() => records));
      const parked = await sql.read((db) => db.selectFrom('parked').select('id').execute());
      expect(parked).toEqual([]);
    };

    it.each(['telemetry.batch.before-commit', 'telemetry.batch.committed'])(
      'at %s: every reading is stored once',
      async (step) => {
        for (const gateway of GATEWAYS) await log.append('telemetry.batches', blocksOf(gateway, 4));
        // The first one: what waits may all be in one batch.
        const [, signal] = await once(await start({ step, count: 1 }), 'exit');
        expect(signal).toBe('SIGKILL');
        await start();
        await expectAllOnce(4);
      },
    );

    it.each(['event-log.batch.before', 'telemetry.batch.committed'])(
      'at %s by a standstill longer than the lease: every reading is stored once',
      async (step) => {
        for (const gateway of GATEWAYS) await log.append('telemetry.batches', blocksOf(gateway, 4));
        const victim = await start({ step, count: 1, signal: 'SIGSTOP' });
        await firstStopped([victim]);
        await start();
        await expectAllOnce(4);
        await wakeAndDrain(victim);
        await expectAllOnce(4);
      },
    );

    it('two processes, one killed in mid-batch: every reading is stored once', async () => {
      const victim = await start({ step: 'telemetry.batch.before-commit', count: 12 });
      await once(victim, 'message');
      await once(await start(), 'message');
      const exit = once(victim, 'exit');
      const blocks = GATEWAYS.map((gateway) => blocksOf(gateway, 40));
      for (let block = 0; block < 40; block++) {
        await log.append(
          'telemetry.batches',
          blocks.map((own) => own[block]!),
        );
        // Sent again now and then, as edge-link does when its answer was lost.
        if (block % 7 === 0) await log.append('telemetry.batches', [blocks[0]![block]!]);
      }
      // Whichever partitions it holds.
      const again = blocks.map((own) => own[0]!);
      const more = async (): Promise<void> => log.append('telemetry.batches', again).then();
      while (victim.exitCode === null && victim.signalCode === null) await more();
      expect((await exit)[1]).toBe('SIGKILL');
      await expectAllOnce(40);
    });
  });
}
