import { join } from 'node:path';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { createApp, type HttpApp } from '@holdfast/shared/runtime/http.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { startTracing, type Tracing } from '@holdfast/shared/runtime/tracing.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { createApi } from '../platform/http/api.ts';
import type { ServiceHandle } from '../service.ts';
import { blockRecord } from './blocks.fixture.ts';
import { TestDatabase } from './databases.fixture.ts';
import { telemetrySettingsSchema } from './settings.ts';
import { openTelemetry } from './telemetry.module.ts';

const OPERATOR: Principal = {
  subject: 'usr_1',
  tenant: 'dev',
  sites: ['site-1'],
  roles: ['operator'],
};
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

describe('telemetry from the log to the API', () => {
  let database: TestDatabase;
  let tracing: Tracing;
  let runtime: Runtime;
  let log: EventLog;
  let telemetry: ServiceHandle;
  let app: HttpApp;

  beforeEach(async () => {
    database = new TestDatabase('sqlite');
    tracing = await startTracing('telemetry', { exporter: 'memory' });
    runtime = testRuntime({ tracing });
    log = await openEmbeddedLog({ dir: join(database.dir, 'log'), runtime });
    telemetry = await openTelemetry({
      sql: database.opener(runtime),
      log,
      settings: telemetrySettingsSchema.parse({ foldAfterMs: 100 }),
      runtime,
    });
    app = createApp(runtime);
    telemetry.routes?.(createApi({ app, verifier: { verify: async () => OPERATOR } }));
    await telemetry.module.start();
  });
  afterEach(async () => {
    await telemetry.module.stop();
    await log.close();
    await database.dispose();
    await tracing.stop();
  });

  const values = async (): Promise<unknown> => {
    const path = 'http://cloud/v1/devices/cold-01/readings?order=sequence';
    const body = (await (await app.fetch(new Request(path))).json()) as {
      items?: { value: number }[];
    };
    return body.items?.map(({ value }) => value);
  };
  const eventually = (expectation: () => Promise<void>): Promise<void> =>
    vi.waitFor(expectation, { timeout: 10_000, interval: 10 });

  it('answers with what was appended', async () => {
    await log.append('telemetry.batches', [
      blockRecord([1, 2].map((payload) => ({ channel: 't', payload }))),
    ]);
    await eventually(async () => expect(await values()).toEqual([1, 2]));
  });

  it('shows one trace from the event to the store', async () => {
    const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`;
    const message = [{ channel: 't', payload: 1 }];
    const traced = blockRecord(message, { traceparent });
    const untraced = blockRecord(message, { first: 2 });
    await log.append('telemetry.batches', [traced, untraced]);
    await eventually(async () => expect(await values()).toEqual([1, 1]));
    const spans = tracing.finished().filter((span) => span.traceId === TRACE_ID);
    const consume = spans.find((span) => span.name === 'telemetry.consume');
    const store = spans.find((span) => span.name === 'telemetry.store');
    expect(consume?.parentSpanId).toBe('b7ad6b7169203331');
    expect(store?.parentSpanId).toBe(consume?.spanId);
    expect(spans.length).toBe(2);
  });

  it('folds what arrived, and tells how far behind it is', async () => {
    await log.append('telemetry.batches', [blockRecord([{ channel: 't', payload: 1 }])]);
    const sql = await database.open(runtime);
    await eventually(async () => {
      const parts = await sql.read((db) => db.selectFrom('parts').select('folded').execute());
      expect(parts).toEqual([{ folded: 1n }]);
    });
    expect(await values()).toEqual([1]);
    expect(telemetry.module.degraded?.()).toBeUndefined();
    await eventually(async () => {
      expect(await runtime.metrics.text()).toMatch(
        /holdfast_telemetry_lag_events{partition="0"} 0/,
      );
    });
  });
});
