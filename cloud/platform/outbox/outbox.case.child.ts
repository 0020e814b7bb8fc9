import { join } from 'node:path';
import { createFileDurably } from '@holdfast/shared/runtime/files.ts';
import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import { createInbox } from './inbox.ts';
import { type Database, noteEffect, openTables } from './outbox.fixture.ts';
import { createRelay } from './relay.ts';

/** What a suite asks of another process on the same tables and log, as JSON in its argument. */
export interface OutboxTask {
  readonly database: Database;
  readonly logDir: string;
  readonly role: 'relay' | 'consumer';
  /** Of several processes the first. */
  readonly haltAt?: HaltAt;
}

// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
const { database, logDir, role, haltAt } = JSON.parse(process.argv[2] ?? '') as OutboxTask;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'outbox', logLevel: 'warn' })),
  steps: haltingSteps(haltAt, () => createFileDurably(join(logDir, 'halted'), '', { mode: 0o600 })),
};
const sql = await openTables(database, runtime);
const log = await openEmbeddedLog({ dir: logDir, runtime, leaseMs: 1000 });
let worker: { stop(): Promise<void> };
if (role === 'relay') {
  const relay = createRelay({ service: 'case', sql, log, runtime, leaseMs: 1000, pollMs: 20 });
  await relay.start();
  worker = relay;
} else {
  const inbox = createInbox({ consumer: 'case', sql, log, runtime, apply: noteEffect });
  worker = await log.subscribe({
    group: 'case',
    topics: ['gateways'],
    batchMax: 10,
    handle: (batch) => inbox.handle(batch),
    onError: (err) => runtime.log.warn({ err }, 'a batch failed'),
  });
}
process.once('message', async () => {
  await worker.stop();
  await log.close();
  await sql.close();
  process.disconnect();
});
process.send?.('ready');
