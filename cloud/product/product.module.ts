import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql, OpenSqlOptions, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import type { Api } from '../platform/http/api.ts';
import { createIdempotency } from '../platform/http/idempotency.ts';
import { createIdempotencySweep } from '../platform/http/idempotency-sweep.ts';
import type { Kv } from '../platform/kv/kv.ts';
import type { Objects } from '../platform/objects/objects.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay } from '../platform/outbox/relay.ts';
import type { PeerService } from '../platform/peer/peer.ts';
import type { ServiceHandle } from '../service.ts';
import { ensureDevelopmentCatalogue } from './development-catalogue.ts';
import { createCacheInvalidation } from './events/cache-invalidation.ts';
import { createImageSweep } from './image-sweep.ts';
import { createProductCache, type ProductCache } from './product-cache.ts';
import { Catalogue } from './routes/catalogue.ts';
import { addImageRoutes } from './routes/images.ts';
import { ProductImages } from './routes/product-images.ts';
import { productPeers } from './routes/product-peers.ts';
import { addProductRoutes } from './routes/products.ts';
import type { ProductSettings } from './settings.ts';
import { PRODUCT_MIGRATIONS } from './store/migrations.ts';
import { createProductReads } from './store/product-reads.ts';
import type { ProductTables } from './store/tables.ts';

export interface ProductDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly kv: Kv;
  readonly objects: Objects;
  readonly policy: Policy;
  readonly settings: ProductSettings;
  readonly region: string;
  /** Whether an empty catalogue is filled for a first look. */
  readonly developmentData: boolean;
  readonly runtime: Runtime;
}

export interface ProductHandle extends ServiceHandle {
  readonly routes: (api: Api) => void;
  readonly peers: readonly PeerService[];
}

/** Its tables. */
export const PRODUCT_TABLES: OpenSqlOptions = {
  service: 'product',
  migrations: PRODUCT_MIGRATIONS,
};

/** The target `product`: the catalogue, its images, and what other services ask of it. */
export async function openProduct(deps: ProductDeps): Promise<ProductHandle> {
  const { runtime, log, policy, objects } = deps;
  const sql = await deps.sql<ProductTables>(PRODUCT_TABLES);
  const outbox = createOutbox({ source: 'product', region: deps.region, runtime });
  const relay = createRelay({ service: 'product', sql, log, runtime });
  const { reads, cache, invalidation } = createReads(deps, sql);
  const onChange = async (tenant: string, id: string): Promise<void> => {
    await cache?.invalidate(tenant, id);
    relay.nudge();
  };
  const catalogue = new Catalogue({ sql, outbox, policy, runtime, onChange });
  const images = new ProductImages({ sql, objects, catalogue, runtime });
  const idempotency = createIdempotency({ sql, runtime });
  const sweeps = [
    createIdempotencySweep(idempotency, runtime),
    createImageSweep(images, runtime),
  ] as const;
  return {
    module: {
      name: 'product',
      needs: [],
      async start() {
        if (deps.developmentData) await ensureDevelopmentCatalogue(sql, catalogue);
        await relay.start();
        await invalidation?.start();
        for (const sweep of sweeps) sweep.start();
      },
      async stop() {
        for (const sweep of sweeps) await sweep.stop();
        await invalidation?.stop();
        await relay.stop();
        await sql.close();
      },
      degraded: () => relay.degraded?.() ?? sweeps.map((each) => each.failure()).find(Boolean),
    },
    routes(api) {
      addProductRoutes(api, { sql, reads, catalogue, idempotency });
      addImageRoutes(api, { reads, images });
    },
    peers: [productPeers({ sql, reads }) as PeerService],
  };
}

/** With the cache or without, they answer the same. */
function createReads(deps: ProductDeps, sql: Sql<ProductTables>) {
  const { kv, log, runtime } = deps;
  const { enabled, freshSeconds, keptSeconds } = deps.settings.cache;
  const source = createProductReads(sql);
  if (!enabled) return { reads: source, cache: undefined, invalidation: undefined };
  const invalidation = createCacheInvalidation({
    log,
    runtime,
    invalidate: (tenant, id) => cache.invalidate(tenant, id),
  });
  const cache: ProductCache = createProductCache({
    kv,
    runtime,
    source,
    freshMs: freshSeconds * 1000,
    keptMs: keptSeconds * 1000,
    isCurrent: invalidation.isCurrent,
  });
  return { reads: cache, cache, invalidation };
}
