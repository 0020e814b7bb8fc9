import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { type ProductView, viewOf } from '../domain/view.ts';
import { findProducts } from './products.ts';
import type { ProductTables } from './tables.ts';

/**
 * Products by id, in the order asked for and each once: the tenant's own, deleted ones too; those
 * that are not there are left out.
 */
export interface ProductReads {
  get(tenant: string, ids: readonly string[]): Promise<ProductView[]>;
}

/** As the tables have them. */
export function createProductReads(sql: Sql<ProductTables>): ProductReads {
  return {
    async get(tenant, ids) {
      const found = await sql.read((db) => findProducts(db, { tenant, ids }));
      const views = new Map(found.map((product) => [product.id, viewOf(product)]));
      return [...new Set(ids)].flatMap((id) => views.get(id) ?? []);
    },
  };
}
