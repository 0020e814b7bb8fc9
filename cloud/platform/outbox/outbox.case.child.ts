import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import { createInbox } from './inbox.ts';
import { countEffect, type Database, openTables } from './outbox.fixture.ts';
import { createRelay } from './relay.ts';

/** What a suite asks of another process on the same tables and log, as JSON in its argument. */
export interface OutboxTask {
  readonly database: Database;
  readonly logDir: string;
  readonly role: 'relay' | 'consumer';
  /** Kills itself when it reaches the step for the n-th time. */
  readonly killAt?: { readonly step: string; readonly count: number };
}

// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
const { database, logDir, role, killAt } = JSON.parse(process.argv[2] ?? '') as OutboxTask;
let left = killAt?.count ?? Number.POSITIVE_INFINITY;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'outbox', logLevel: 'warn' })),
  steps: {
    reach: (step) => {
      if (step === killAt?.step && --left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
};
const sql = await openTables(database, runtime);
const log = await openEmbeddedLog({ dir: logDir, runtime, leaseMs: 1000 });
if (role === 'relay') {
  const options = { service: 'case', sql, log, runtime, leaseMs: 1000, pollMs: 20 };
  await createRelay(options).start();
} else {
  const inbox = createInbox({ consumer: 'case', sql, log, runtime, apply: countEffect });
  await log.subscribe({
    group: 'case',
    topics: ['gateways'],
    batchMax: 10,
    handle: (batch) => inbox.handle(batch),
    onError: (err) => runtime.log.warn({ err }, 'a batch failed'),
  });
}
process.send?.('ready');
