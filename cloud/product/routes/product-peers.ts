import {
  type ListProductsRequest,
  type Product as ProductMessage,
  ProductServiceService,
} from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { invalidRequest } from '@holdfast/shared/runtime/http.ts';
import { z } from 'zod';
import { cursorParameter, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from '../../platform/http/page.ts';
import type { PeerService } from '../../platform/peer/peer.ts';
import { categorySchema, PRODUCT_ID } from '../domain/product.ts';
import type { ProductView } from '../domain/view.ts';
import type { ProductReads } from '../store/product-reads.ts';
import type { ProductQuery } from '../store/search.ts';
import type { ProductTables } from '../store/tables.ts';
import { productPage, searchWords } from './product-page.ts';

/** Of one GetProducts. */
export const IDS_MAX = 100;

const cursorSchema = cursorParameter(z.tuple([z.string().regex(PRODUCT_ID)]));

/** The catalogue as other services see it. */
export function productPeers({
  sql,
  reads,
}: {
  readonly sql: Sql<ProductTables>;
  readonly reads: ProductReads;
}): PeerService<typeof ProductServiceService> {
  return {
    definition: ProductServiceService,
    callers: ['order', 'inventory', 'graph'],
    handlers: {
      async getProducts({ ids }, { scope }) {
        if (ids.length > IDS_MAX) {
          throw new AppError('REQUEST_INVALID', `more than ${IDS_MAX} ids at once`);
        }
        const known = ids.filter((id) => PRODUCT_ID.test(id));
        return { products: (await reads.get(scope.tenant, known)).map(messageOf) };
      },
      async listProducts(request, { scope }) {
        const { views, next } = await productPage(sql, queryOf(request, scope.tenant));
        return { products: views.map(messageOf), nextCursor: next ?? '' };
      },
    },
  };
}

const listSchema = z.object({
  limit: z.int().min(0).max(LIST_LIMIT_MAX),
  cursor: z.string().transform(orUndefined).pipe(cursorSchema),
  text: z.string().transform(orUndefined),
  category: z.string().transform(orUndefined).pipe(categorySchema.optional()),
});

/** An empty field of a message is one that was not given. */
function orUndefined(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function queryOf(request: ListProductsRequest, tenant: string): ProductQuery {
  const parsed = listSchema.safeParse(request);
  if (!parsed.success) throw invalidRequest(parsed.error);
  const { limit, cursor, text, category } = parsed.data;
  return {
    tenant,
    words: text === undefined ? [] : searchWords(text),
    category,
    after: cursor?.[0],
    limit: limit === 0 ? LIST_LIMIT_DEFAULT : limit,
  };
}

function messageOf(view: ProductView): ProductMessage {
  const { id, item, name, description, taxClass, categories, deleted } = view;
  return {
    id,
    item,
    name,
    description,
    taxClass,
    prices: view.prices.map(({ currency, minorUnits }) => ({
      currency,
      minorUnits: BigInt(minorUnits),
    })),
    categories: [...categories],
    imageUrls: view.images.map(({ url }) => url),
    version: BigInt(view.version),
    deleted,
  };
}
