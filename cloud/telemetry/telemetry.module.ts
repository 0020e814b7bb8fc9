import type { OpenSql, OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogSubscription } from '../platform/event-log/event-log.ts';
import type { ServiceHandle } from '../service.ts';
import { createApplier } from './events/applier.ts';
import { consumeBlocks } from './events/block-consumer.ts';
import { consumeGateways } from './events/gateway-consumer.ts';
import { deviceRoutes } from './routes/devices.ts';
import { gatewayRoutes } from './routes/gateways.ts';
import { readingRoutes } from './routes/readings.ts';
import type { TelemetrySettings } from './settings.ts';
import { migrations } from './store/migrations.ts';
import { SeriesIds } from './store/series-ids.ts';
import type { TelemetryTables } from './store/tables.ts';
import { createUpkeep } from './upkeep.ts';

export interface TelemetryDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly settings: TelemetrySettings;
  readonly runtime: Runtime;
}

/** Its tables. */
export const TELEMETRY_TABLES: OpenSqlOptions = { service: 'telemetry', migrations };

/**
 * The target `telemetry`: readings, summaries and latest state from the log, and the paths that
 * answer for them.
 */
export async function openTelemetry(deps: TelemetryDeps): Promise<ServiceHandle> {
  const { log, settings, runtime } = deps;
  const { clock, metrics, steps } = runtime;
  const sql = await deps.sql<TelemetryTables>(TELEMETRY_TABLES);
  const now = (): bigint => clock.nowMicros();
  const applier = createApplier({ sql, ids: new SeriesIds(), steps, now, clock, metrics });
  const upkeep = createUpkeep({ sql, log, runtime, settings });
  const subscriptions: LogSubscription[] = [];
  return {
    module: {
      name: 'telemetry',
      needs: [],
      async start() {
        const consumer = { sql, runtime, applier };
        subscriptions.push(await consumeBlocks(log, 'all', consumer));
        subscriptions.push(await consumeBlocks(log, 'live', consumer));
        for (const topic of ['gateways', 'gateway.revocations'] as const)
          subscriptions.push(await consumeGateways(topic, { sql, log, runtime }));
        upkeep.start();
      },
      async stop() {
        await upkeep.stop();
        for (const subscription of subscriptions.toReversed()) await subscription.stop();
        await sql.close();
      },
      degraded: () => upkeep.failure(),
    },
    routes(api) {
      deviceRoutes(api, { sql });
      readingRoutes(api, { sql });
      gatewayRoutes(api, { sql, clock });
    },
  };
}
