import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from './event-log.embedded.ts';
import type { EventLog, LogBatch } from './event-log.ts';

/**
 * What a suite asks of another process that has the same log open, as JSON in its first argument.
 */
export interface LogTask {
  readonly dir: string;
  readonly writes?: 'thread' | 'inline';
  readonly leaseMs?: number;
  /** Appends numbered records for ever, some calls at once. */
  readonly append?: { readonly keys: readonly string[] };
  /** Handles batches; with `hang` the handler of the first batch never ends. */
  readonly consume?: { readonly group: string; readonly hang?: boolean };
  readonly haltAt?: HaltAt;
}

/** What that process tells. */
export interface LogReport {
  readonly ready?: true;
  /** Acknowledged: `<key> <number>`. */
  readonly appended?: readonly string[];
  readonly handling?: BatchReport;
  readonly handled?: BatchReport;
}

export interface BatchReport {
  readonly partition: number;
  readonly epoch: string;
  readonly texts: readonly string[];
}

const task = JSON.parse(process.argv[2] ?? '') as LogTask;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'log', logLevel: 'silent' })),
  steps: haltingSteps(task.haltAt),
};
const { dir, writes, leaseMs = 1000 } = task;
const log = await openEmbeddedLog({ dir, runtime, leaseMs, ...(writes && { writes }) });
// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
if (task.consume) await consume(log, task.consume);
await report({ ready: true });
if (task.append) await append(log, task.append.keys);

/**
 * Resolves once the message outlives this process. A parent that is slow to read fills the channel;
 * what waits for room in it dies with the process.
 */
function report(message: LogReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

async function consume(
  log: EventLog,
  { group, hang }: NonNullable<LogTask['consume']>,
): Promise<void> {
  const handle = async (batch: LogBatch): Promise<void> => {
    const { partition, events, leaseEpoch } = batch;
    const texts = events.map((event) => Buffer.from(event.value).toString());
    const told: BatchReport = { partition, epoch: String(leaseEpoch), texts };
    await report({ handling: told });
    if (hang) await new Promise(() => {});
    await report({ handled: told });
  };
  const onError = (error: unknown): void => {
    throw error;
  };
  await log.subscribe({ group, topics: ['telemetry.batches'], batchMax: 50, handle, onError });
}

async function append(log: EventLog, keys: readonly string[]): Promise<void> {
  for (let number = 0; ; number++) {
    const calls = keys.map((key) => ({ key, headers: {}, value: Buffer.from(`${key} ${number}`) }));
    await Promise.all(calls.map((record) => log.append('telemetry.batches', [record])));
    await report({ appended: keys.map((key) => `${key} ${number}`) });
  }
}
