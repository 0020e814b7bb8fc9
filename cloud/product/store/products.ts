import type { TaxClass } from '@holdfast/shared/domain/tax.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { Product, ProductImage } from '../domain/product.ts';
import { wordsOf } from '../domain/words.ts';
import type { ProductTables } from './tables.ts';

type Queries = Reader<ProductTables> | Transaction<ProductTables>;

/** Products of the tenant by id, deleted ones too, in no order. One query per table. */
export async function findProducts(
  db: Queries,
  { tenant, ids }: { readonly tenant: string; readonly ids: readonly string[] },
): Promise<Product[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('products')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', 'in', ids)
    .execute();
  return withParts(db, rows);
}

export async function findProduct(
  db: Queries,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<Product | undefined> {
  return (await findProducts(db, { tenant, ids: [id] }))[0];
}

/** Whether a product of the tenant that is not deleted has the item. */
export async function findByItem(
  db: Queries,
  { tenant, item }: { readonly tenant: string; readonly item: string },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('products')
    .select('id')
    .where('tenant', '=', tenant)
    .where('item', '=', item)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row?.id;
}

/** Rows of `products` with what the other tables hold of them, in the order of the rows. */
export async function withParts(
  db: Queries,
  rows: readonly Selectable<ProductTables['products']>[],
): Promise<Product[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const prices = await db
    .selectFrom('product_prices')
    .selectAll()
    .where('product_id', 'in', ids)
    .orderBy('currency')
    .execute();
  const categories = await db
    .selectFrom('product_categories')
    .select(['product_id', 'category'])
    .where('product_id', 'in', ids)
    .orderBy('category')
    .execute();
  const images = await db
    .selectFrom('product_images')
    .selectAll()
    .where('product_id', 'in', ids)
    .orderBy('name')
    .execute();
  const pricesOf = Map.groupBy(prices, (part) => part.product_id);
  const categoriesOf = Map.groupBy(categories, (part) => part.product_id);
  const imagesOf = Map.groupBy(images, (part) => part.product_id);
  return rows.map((row) => ({
    id: row.id,
    tenant: row.tenant,
    item: row.item,
    name: row.name,
    description: row.description,
    taxClass: row.tax_class as TaxClass,
    prices: (pricesOf.get(row.id) ?? []).map(({ currency, minor_units }) => ({
      currency,
      minorUnits: Number(minor_units),
    })),
    categories: (categoriesOf.get(row.id) ?? []).map(({ category }) => category),
    images: (imagesOf.get(row.id) ?? []).map(imageOf),
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
  }));
}

function imageOf(row: Selectable<ProductTables['product_images']>): ProductImage {
  const { name, content_type: contentType, bytes, checksum } = row;
  return { name, contentType, bytes: Number(bytes), checksum };
}

/** Writes the product whole, but its images. What people search by goes with a deleted one. */
export async function saveProduct(tx: Transaction<ProductTables>, product: Product): Promise<void> {
  const { id, tenant } = product;
  const row = {
    item: product.item,
    name: product.name,
    description: product.description,
    tax_class: product.taxClass,
    version: BigInt(product.version),
    updated_at: product.updatedAt,
    deleted_at: product.deletedAt,
  };
  await tx
    .insertInto('products')
    .values({ id, tenant, created_at: product.createdAt, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  for (const table of ['product_prices', 'product_categories', 'product_words'] as const) {
    await tx.deleteFrom(table).where('product_id', '=', id).execute();
  }
  const prices = product.prices.map(({ currency, minorUnits }) => ({
    product_id: id,
    currency,
    minor_units: BigInt(minorUnits),
  }));
  if (prices.length > 0) await tx.insertInto('product_prices').values(prices).execute();
  if (product.deletedAt === null) await saveTerms(tx, product);
}

async function saveTerms(tx: Transaction<ProductTables>, product: Product): Promise<void> {
  const place = { tenant: product.tenant, product_id: product.id };
  const { name, item, description } = product;
  const categories = product.categories.map((category) => ({ ...place, category }));
  const words = wordsOf(name, item, ...product.categories, description);
  if (categories.length > 0) await tx.insertInto('product_categories').values(categories).execute();
  if (words.length === 0) return;
  await tx
    .insertInto('product_words')
    .values(words.map((word) => ({ ...place, word })))
    .execute();
}
