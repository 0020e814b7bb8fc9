import type { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { createIdempotency } from '../platform/http/idempotency.ts';
import { createIdempotencySweep } from '../platform/http/idempotency-sweep.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay } from '../platform/outbox/relay.ts';
import type { PeerClient } from '../platform/peer/peer.ts';
import type { ServiceHandle } from '../service.ts';
import { ORDERS_CHANNEL } from './events/orders-channel.ts';
import { createPeerCalls, type SagaPeers } from './peer-calls.ts';
import { addOrderRoutes } from './routes/order-routes.ts';
import { createSagaRunner } from './saga-runner.ts';
import { createSagaSweeper } from './saga-sweeper.ts';
import type { OrderSettings } from './settings.ts';
import { ORDER_TABLES } from './store/migrations.ts';
import type { OrderTables } from './store/tables.ts';

/** A customer waits for these events. */
const GATHER_MS = 4;

export { ORDER_TABLES } from './store/migrations.ts';

export interface OrderDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly policy: Policy;
  readonly peers: SagaPeers & { readonly product: PeerClient<ProductServiceService> };
  readonly settings: OrderSettings;
  readonly region: string;
  readonly runtime: Runtime;
}

export interface OrderHandle extends ServiceHandle {
  readonly routes: NonNullable<ServiceHandle['routes']>;
}

/** The target `order`: intake, the checkout saga, shipments, refunds, and why. */
export async function openOrder(deps: OrderDeps): Promise<OrderHandle> {
  const { runtime, log, policy, peers, settings } = deps;
  const sql = await deps.sql<OrderTables>(ORDER_TABLES);
  const outbox = createOutbox({ source: 'order', region: deps.region, runtime });
  const relay = createRelay({ service: 'order', sql, log, runtime, gatherMs: GATHER_MS });
  const onEvents = (): void => relay.nudge();
  const runner = createSagaRunner({
    sql,
    runtime,
    outbox,
    onEvents,
    calls: createPeerCalls(peers, settings),
    limits: {
      confirmMicros: seconds(settings.confirmSeconds),
      captureMicros: seconds(settings.captureSeconds),
      shipMicros: seconds(settings.shipSeconds),
    },
    ordersMax: settings.concurrency,
    leaseMs: settings.leaseMs,
  });
  const sweeper = createSagaSweeper({ sql, runtime, runner, sweepMs: settings.sweepMs });
  const idempotency = createIdempotency<OrderTables>({ sql, runtime });
  const sweep = createIdempotencySweep(idempotency, runtime);
  const { product, payment } = peers;
  const { callTimeoutMs } = settings;
  const routes = { sql, runtime, policy, outbox, idempotency, runner, callTimeoutMs, onEvents };
  return {
    module: {
      name: 'order',
      needs: [],
      async start() {
        await relay.start();
        sweeper.start();
        sweep.start();
      },
      async stop() {
        await sweep.stop();
        await sweeper.stop();
        await runner.stop();
        await relay.stop();
        await sql.close();
      },
      degraded: () => sweeper.failure() ?? relay.degraded?.() ?? sweep.failure(),
    },
    channels: [ORDERS_CHANNEL],
    routes: (api) => addOrderRoutes(api, { ...routes, product, payment }),
  };
}

function seconds(count: number): bigint {
  return BigInt(count) * 1_000_000n;
}
