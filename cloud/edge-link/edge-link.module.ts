import type { OpenSql, OpenSqlOptions, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogSubscription } from '../platform/event-log/event-log.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay, type Relay } from '../platform/outbox/relay.ts';
import type { ServiceHandle } from '../service.ts';
import { edgeLinkService } from './arrived-request.ts';
import { CreditShares } from './domain/credit-shares.ts';
import { createPositionsConsumer } from './events/positions-consumer.ts';
import { consumeRevocations } from './events/revocations-consumer.ts';
import type { StreamDeps } from './gateway-stream.ts';
import { GreetingGate } from './greeting-gate.ts';
import { startLostSweep } from './lost-sweep.ts';
import { createMeters } from './meters.ts';
import { RecentTrouble } from './recent-trouble.ts';
import type { EdgeLinkSettings } from './settings.ts';
import { edgeLinkMigrations } from './store/migrations.ts';
import type { EdgeLinkTables } from './store/tables.ts';
import { createStreamRegistry } from './stream-registry.ts';
import { drainingError, syncHandler } from './sync-handler.ts';
import { turnOutRevoked } from './turn-out.ts';

export interface EdgeLinkDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly settings: EdgeLinkSettings;
  readonly runtime: Runtime;
  readonly region: string;
}

const SERVICE = 'edge-link';

/** Its tables. */
export const EDGE_LINK_TABLES: OpenSqlOptions = {
  service: SERVICE,
  migrations: edgeLinkMigrations,
};

/**
 * Ends the gateways' streams and appends their blocks to the log; the log is the truth, its
 * positions follow it.
 */
export async function openEdgeLink(deps: EdgeLinkDeps): Promise<ServiceHandle> {
  const { log, runtime, region } = deps;
  const sql: Sql<EdgeLinkTables> = await deps.sql(EDGE_LINK_TABLES);
  const relay = createRelay({ service: SERVICE, sql, log, runtime });
  const streams: StreamDeps = {
    sql,
    log,
    runtime,
    region,
    settings: deps.settings,
    meters: createMeters(runtime.metrics),
    outbox: createOutbox({ source: SERVICE, region, runtime }),
    relay,
    positions: createPositionsConsumer({ sql, log, runtime }),
    registry: createStreamRegistry(),
    credits: new CreditShares({
      totalBytes: deps.settings.fleetCreditBytes,
      streamBytesMax: deps.settings.creditBytes,
    }),
    gate: new GreetingGate(),
    trouble: new RecentTrouble(runtime.clock),
  };
  let isDraining = false;
  const sync = syncHandler({ ...streams, draining: () => isDraining });
  const drain = (): Promise<void> => {
    isDraining = true;
    return streams.registry.endAll('draining', drainingError());
  };
  const module = moduleOf(streams, relay, drain);
  return { module, grpc: [{ definition: edgeLinkService, handlers: { sync } }], drain };
}

function moduleOf(deps: StreamDeps, relay: Relay, drain: () => Promise<void>): Module {
  const turnOut = (): Promise<void> => turnOutRevoked(deps.sql, deps.registry);
  let revocations: LogSubscription | undefined;
  let sweep: ReturnType<typeof startLostSweep> | undefined;
  return {
    name: SERVICE,
    needs: [],
    async start() {
      await relay.start();
      await deps.positions.start();
      revocations = await consumeRevocations({ ...deps, onStored: turnOut });
      sweep = startLostSweep(deps, turnOut);
    },
    async stop() {
      // Again, for streams that opened while the listener closed.
      await drain();
      await sweep?.stop();
      await revocations?.stop();
      await deps.positions.stop();
      await relay.stop();
      await deps.sql.close();
    },
    degraded: () => relay.degraded?.() ?? sweep?.failure() ?? deps.trouble.text,
  };
}
