import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql, OpenSqlOptions, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogSubscription } from '../platform/event-log/event-log.ts';
import { createIdempotency, idempotencyMigration } from '../platform/http/idempotency.ts';
import { createIdempotencySweep } from '../platform/http/idempotency-sweep.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay } from '../platform/outbox/relay.ts';
import type { ServiceHandle } from '../service.ts';
import { consumeStock } from './events/stock-consumer.ts';
import { createExpiry } from './expiry.ts';
import { inventoryService } from './peer-service.ts';
import { discrepancyRoutes } from './routes/discrepancies.ts';
import { movementRoutes } from './routes/movements.ts';
import { parkedRoutes } from './routes/parked.ts';
import { stockRoutes } from './routes/stock.ts';
import type { InventorySettings } from './settings.ts';
import { createDesk, type Desk, isOfOne } from './store/desk.ts';
import { LEDGER_MIGRATIONS } from './store/migrations.ts';
import type { InventoryTables } from './store/tables.ts';
import { createWatchers } from './watchers.ts';

/** Its tables. */
export const INVENTORY_TABLES: OpenSqlOptions = {
  service: 'inventory',
  migrations: [...LEDGER_MIGRATIONS, idempotencyMigration('0003-idempotency')],
};

export interface InventoryDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly policy: Policy;
  readonly settings: InventorySettings;
  readonly runtime: Runtime;
  readonly region: string;
}

/**
 * The target `inventory`: the ledger of each site's stock, what of it is promised, and what does
 * not add up.
 */
export async function openInventory(deps: InventoryDeps): Promise<ServiceHandle> {
  const { log, policy, settings, runtime, region } = deps;
  const sql = await deps.sql<InventoryTables>(INVENTORY_TABLES);
  const outbox = createOutbox({ source: 'inventory', region, runtime });
  const relay = createRelay({ service: 'inventory', sql, log, runtime });
  const watchers = createWatchers({ sql, runtime, pollMs: settings.watchPollMs });
  const committed = (): void => {
    relay.nudge();
    watchers.nudge();
  };
  const desk = createDesk({ sql, outbox, runtime, committed });
  const expiry = createExpiry({ sql, desk, runtime, everyMs: settings.sweepEveryMs });
  const idempotency = createIdempotency({ sql: atTheDesk(sql, desk), runtime });
  const forgetting = createIdempotencySweep(idempotency, runtime);
  let stock: LogSubscription | undefined;
  return {
    module: {
      name: 'inventory',
      needs: [],
      async start() {
        await relay.start();
        const { transaction, book } = desk;
        const ledger = { transaction, book, now: () => runtime.clock.nowMicros() };
        stock = await consumeStock(log, { sql, runtime, ledger, isRefusal: isOfOne });
        expiry.start();
        forgetting.start();
      },
      async stop() {
        await forgetting.stop();
        await expiry.stop();
        await stock?.stop();
        await watchers.stop();
        await desk.stop();
        await relay.stop();
        await sql.close();
      },
      degraded: () => expiry.failure() ?? forgetting.failure() ?? relay.degraded?.(),
    },
    routes(api) {
      const routes = { sql, desk, idempotency, outbox, policy, runtime };
      stockRoutes(api, routes);
      movementRoutes(api, routes);
      discrepancyRoutes(api, routes);
      parkedRoutes(api, routes);
    },
    peers: [inventoryService({ desk, sql, watchers })],
    // A watcher's call lasts as long as the process.
    drain: () => watchers.stop(),
  };
}

/** The same tables; who changes them takes the ledger's turn first. */
function atTheDesk(sql: Sql<InventoryTables>, desk: Desk): Sql<InventoryTables> {
  const { technology } = sql;
  return {
    technology,
    transaction: desk.transaction,
    read: (work) => sql.read(work),
    close: () => sql.close(),
  };
}
