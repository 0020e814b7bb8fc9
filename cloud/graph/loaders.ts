import type { Level } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { Product } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import DataLoader from 'dataloader';
import type { CallScope } from '../platform/peer/peer.ts';
import type { GraphPeers } from './context.ts';
import { PAGE_MAX } from './limits.ts';

/** Keys of one call: what GetProducts takes, and a page's worth of items. */
const BATCH_MAX = PAGE_MAX;

/** What one request asks of peers: each level of a query is one call, each thing is asked once. */
export interface Loaders {
  /** Undefined when there is none, or it was deleted. */
  readonly product: DataLoader<string, Product | undefined>;
  /** Of all sites: fields that name different sites share the call. */
  readonly levels: DataLoader<string, readonly Level[]>;
}

export function createLoaders({ products, inventory }: GraphPeers, scope: CallScope): Loaders {
  const options = { maxBatchSize: BATCH_MAX };
  return {
    product: new DataLoader(async (ids) => {
      const answer = await products.getProducts({ ids: [...ids] }, { scope });
      const byId = new Map(answer.products.map((product) => [product.id, product]));
      return ids.map((id) => (byId.get(id)?.deleted ? undefined : byId.get(id)));
    }, options),
    levels: new DataLoader(async (items) => {
      const answer = await inventory.getLevels({ items: [...items], site: '' }, { scope });
      const byItem = Map.groupBy(answer.levels, ({ item }) => item);
      return items.map((item) => byItem.get(item) ?? []);
    }, options),
  };
}
