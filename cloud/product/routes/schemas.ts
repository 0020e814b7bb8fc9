import { moneySchema } from '@holdfast/shared/contracts/money.ts';
import { z } from 'zod';
import { pageSchema } from '../../platform/http/page.ts';
import { IMAGE_NAME } from '../domain/image.ts';
import { PRODUCT_ID } from '../domain/product.ts';
import type { ProductView } from '../domain/view.ts';

export const productParams = z.strictObject({ id: z.string().regex(PRODUCT_ID) });
export const imageParams = productParams.extend({ name: z.string().regex(IMAGE_NAME) });

const imageSchema = z.strictObject({
  name: z.string(),
  contentType: z.string(),
  bytes: z.int(),
  checksum: z.string().meta({ description: 'SHA-256, hexadecimal.' }),
  url: z.string(),
});

export const productSchema = z
  .strictObject({
    id: z.string(),
    item: z.string().meta({ description: "The item's code in the warehouse's ledger." }),
    name: z.string(),
    description: z.string(),
    taxClass: z.string(),
    prices: z.array(moneySchema),
    categories: z.array(z.string()),
    images: z.array(imageSchema),
    version: z.int().meta({ description: 'Grows with each change; the entity tag.' }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Product' });

export const productPageSchema = pageSchema(productSchema);

/** What a product is for people: a deleted one is not shown at all. */
export function productJson({ deleted: _, ...view }: ProductView): z.input<typeof productSchema> {
  return {
    ...view,
    prices: [...view.prices],
    categories: [...view.categories],
    images: [...view.images],
  };
}
