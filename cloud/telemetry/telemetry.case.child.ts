import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import { openerOf, type TestPlace } from './databases.fixture.ts';
import { telemetrySettingsSchema } from './settings.ts';
import { openTelemetry } from './telemetry.module.ts';

/** What a suite asks of another process, as JSON in its first argument. */
export interface TelemetryTask {
  readonly place: TestPlace;
  readonly logDir: string;
  readonly haltAt?: HaltAt;
}

const task = JSON.parse(process.argv[2] ?? '') as TelemetryTask;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'telemetry', logLevel: 'silent' })),
  steps: haltingSteps(task.haltAt),
};
const log = await openEmbeddedLog({ dir: task.logDir, runtime, leaseMs: 1_000 });
const telemetry = await openTelemetry({
  sql: openerOf(task.place, runtime),
  log,
  settings: telemetrySettingsSchema.parse({}),
  runtime,
});
await telemetry.module.start();
process.send?.('ready');
process.once('message', async () => {
  await telemetry.module.stop();
  await log.close();
  process.disconnect();
});
