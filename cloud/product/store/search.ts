import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Product } from '../domain/product.ts';
import { endOfPrefix } from '../domain/words.ts';
import { withParts } from './products.ts';
import type { ProductTables } from './tables.ts';

export interface ProductQuery {
  readonly tenant: string;
  /** All of them must be beginnings of words of the product; empty finds every product. */
  readonly words: readonly string[];
  readonly category: string | undefined;
  /** The last id of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * Products that are not deleted, in the order in which they were made. A word is found by a range
 * of an index over words, the same on both databases: SQLite's FTS5 and PostgreSQL's tsvector would
 * cut and fold words each in its own way.
 */
export async function searchProducts(
  db: Reader<ProductTables>,
  { tenant, words, category, after, limit }: ProductQuery,
): Promise<Product[]> {
  let query = db
    .selectFrom('products')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('deleted_at', 'is', null);
  if (after !== undefined) query = query.where('id', '>', after);
  if (category !== undefined) {
    query = query.where('id', 'in', (eb) =>
      eb
        .selectFrom('product_categories')
        .select('product_id')
        .where('tenant', '=', tenant)
        .where('category', '=', category),
    );
  }
  for (const word of words) {
    query = query.where('id', 'in', (eb) =>
      eb
        .selectFrom('product_words')
        .select('product_id')
        .where('tenant', '=', tenant)
        .where('word', '>=', word)
        .where('word', '<', endOfPrefix(word)),
    );
  }
  return withParts(db, await query.orderBy('id').limit(limit).execute());
}
