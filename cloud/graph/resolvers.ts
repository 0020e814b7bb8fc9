import type {
  Level,
  WatchResponse,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { Product } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import type { GraphContext } from './context.ts';
import { ITEM_CHARS_MAX, ITEMS_MAX } from './limits.ts';
import { invalid, type ProductsArguments, productConnection } from './products.ts';

/** Output only: no argument has these types. */
function serializeLong(value: unknown): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`${value} is beyond what JSON numbers hold`);
}

export const RESOLVERS = {
  Long: { __serialize: serializeLong },
  Query: {
    product: async (_: unknown, { id }: { id: string }, { loaders }: GraphContext) =>
      (await loaders.product.load(id)) ?? null,
    products: (_: unknown, args: ProductsArguments, context: GraphContext) =>
      productConnection(args, context),
  },
  Product: {
    async stock(
      { item }: Product,
      { site }: { site?: string | null },
      { loaders, stockOf }: GraphContext,
    ) {
      const levels = await loaders.levels.load(item);
      return levels.filter((level) => site == null || level.site === site).map(stockOf);
    },
  },
  Subscription: {
    stockChanged: {
      subscribe(_: unknown, { items }: { items: readonly string[] }, context: GraphContext) {
        checkItems(items);
        const { principal, signal, scope, peers } = context;
        return context.subscriptions.open({
          principal,
          signal,
          source: (ends) =>
            peers.inventory.watch({ items: [...items], site: '' }, { scope, signal: ends }),
        });
      },
      resolve: ({ levels }: WatchResponse, _: unknown, { stockOf }: GraphContext) =>
        levels.map((level: Level) => stockOf(level)),
    },
  },
};

/** An empty list would watch everything. */
function checkItems(items: readonly string[]): void {
  if (items.length < 1 || items.length > ITEMS_MAX) {
    throw invalid('items', `must name 1 to ${ITEMS_MAX}`);
  }
  const isItem = (item: string): boolean => item.length >= 1 && item.length <= ITEM_CHARS_MAX;
  if (!items.every(isItem)) throw invalid('items', `must have 1 to ${ITEM_CHARS_MAX} characters`);
}
