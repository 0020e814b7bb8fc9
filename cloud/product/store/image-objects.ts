import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { ProductImage } from '../domain/product.ts';
import type { ProductTables } from './tables.ts';

/**
 * Which object holds an image's bytes. Objects and rows cannot change together, so an object is
 * written down as left over before it is put, and again in the transaction that no longer names it:
 * whatever is killed in between, the sweep finds it.
 */
export interface ImageRow extends ProductImage {
  readonly productId: string;
  readonly objectKey: string;
}

export interface Leftover {
  readonly objectKey: string;
  readonly since: bigint;
}

export async function findImage(
  db: Reader<ProductTables>,
  { productId, name }: { readonly productId: string; readonly name: string },
): Promise<ImageRow | undefined> {
  const row = await db
    .selectFrom('product_images')
    .selectAll()
    .where('product_id', '=', productId)
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row) return undefined;
  const { content_type: contentType, checksum, object_key: objectKey } = row;
  return { productId, name, objectKey, contentType, bytes: Number(row.bytes), checksum };
}

/** Before its bytes are put. */
export async function noteUpload(sql: Sql<ProductTables>, upload: Leftover): Promise<void> {
  await sql.transaction((tx) => note(tx, upload));
}

/** The image has its object, and the one before is left over. */
export async function saveImage(
  tx: Transaction<ProductTables>,
  { now, ...image }: ImageRow & { readonly now: bigint },
): Promise<void> {
  const { productId, name, objectKey } = image;
  await dropImages(tx, { productId, name, now });
  await forget(tx, [objectKey]);
  await tx
    .insertInto('product_images')
    .values({
      product_id: productId,
      name,
      object_key: objectKey,
      content_type: image.contentType,
      bytes: BigInt(image.bytes),
      checksum: image.checksum,
    })
    .execute();
}

/** One image of the product, or all of them without a name. Their objects are left over. */
export async function dropImages(
  tx: Transaction<ProductTables>,
  { productId, name, now }: { productId: string; name?: string; now: bigint },
): Promise<void> {
  let dropping = tx.deleteFrom('product_images').where('product_id', '=', productId);
  if (name !== undefined) dropping = dropping.where('name', '=', name);
  const dropped = await dropping.returning('object_key').execute();
  for (const { object_key } of dropped) await note(tx, { objectKey: object_key, since: now });
}

/** Those that nobody can be putting any more. */
export function oldLeftovers(
  sql: Sql<ProductTables>,
  { before, limit }: { readonly before: bigint; readonly limit: number },
): Promise<string[]> {
  return sql.read(async (db) => {
    const rows = await db
      .selectFrom('image_leftovers')
      .select('object_key')
      .where('since', '<', before)
      .orderBy('object_key')
      .limit(limit)
      .execute();
    return rows.map((row) => row.object_key);
  });
}

/** After the objects were deleted. */
export async function forgetLeftovers(
  sql: Sql<ProductTables>,
  objectKeys: readonly string[],
): Promise<void> {
  await sql.transaction((tx) => forget(tx, objectKeys));
}

async function note(tx: Transaction<ProductTables>, leftover: Leftover): Promise<void> {
  await tx
    .insertInto('image_leftovers')
    .values({ object_key: leftover.objectKey, since: leftover.since })
    .onConflict((conflict) => conflict.column('object_key').doNothing())
    .execute();
}

async function forget(
  tx: Transaction<ProductTables>,
  objectKeys: readonly string[],
): Promise<void> {
  await tx.deleteFrom('image_leftovers').where('object_key', 'in', objectKeys).execute();
}
