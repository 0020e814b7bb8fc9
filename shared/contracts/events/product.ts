import { z } from 'zod';
import { moneySchema } from '../money.ts';

const productState = z.strictObject({
  productId: z.string(),
  /** The code of the item in the warehouse's ledger. */
  item: z.string(),
  name: z.string(),
  taxClass: z.string(),
  prices: z.array(moneySchema),
  version: z.int().min(1),
});

/** The subject is the product. */
export const PRODUCT_EVENTS = {
  'product.created.v1': { topic: 'products', data: productState },
  'product.changed.v1': { topic: 'products', data: productState },
  'product.deleted.v1': {
    topic: 'products',
    data: z.strictObject({ productId: z.string(), item: z.string(), version: z.int().min(1) }),
  },
} as const;
