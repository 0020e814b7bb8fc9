import { type Money, moneySchema } from '@holdfast/shared/contracts/money.ts';
import { TAX_CLASSES, type TaxClass } from '@holdfast/shared/domain/tax.ts';
import { z } from 'zod';

/** An entry of a tenant's catalogue. Times are microseconds. */
export interface Product extends ProductFields {
  readonly id: string;
  readonly tenant: string;
  readonly images: readonly ProductImage[];
  /** Grows by one with each change: the entity tag, and what tells an older event. */
  readonly version: number;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
  /** It stays for orders that name it; people no longer see it. */
  readonly deletedAt: bigint | null;
}

/** What people write. */
export interface ProductFields {
  /** The item's code in the warehouse's ledger; of one product of the tenant at a time. */
  readonly item: string;
  readonly name: string;
  readonly description: string;
  readonly taxClass: TaxClass;
  /** At most one per currency, sorted by it. */
  readonly prices: readonly Money[];
  /** Sorted. */
  readonly categories: readonly string[];
}

export interface ProductImage {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly checksum: string;
}

export const NAME_CHARS_MAX = 200;
export const DESCRIPTION_CHARS_MAX = 4_000;
export const PRICES_MAX = 20;
export const CATEGORIES_MAX = 20;
export const IMAGES_MAX = 12;

export const PRODUCT_ID = /^prd_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What a database of either kind can hold: no U+0000, no half of a surrogate pair. */
const text = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'holds a broken character');

export const categorySchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -, and not start with -');

export const productFieldsSchema = z.strictObject({
  item: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'must be 1 to 64 letters, digits and . _ -, and start with a letter or digit',
    ),
  name: text(NAME_CHARS_MAX).min(1),
  description: text(DESCRIPTION_CHARS_MAX).default(''),
  taxClass: z.enum(TAX_CLASSES),
  prices: z
    .array(moneySchema)
    .max(PRICES_MAX)
    .refine(
      (prices) => new Set(prices.map(({ currency }) => currency)).size === prices.length,
      'name each currency once',
    ),
  categories: z.array(categorySchema).max(CATEGORIES_MAX).default([]),
});

/** In the one spelling that is stored, so that equal products are equal texts. */
export function normalised(fields: z.infer<typeof productFieldsSchema>): ProductFields {
  return {
    ...fields,
    prices: fields.prices.toSorted((a, b) => (a.currency < b.currency ? -1 : 1)),
    categories: [...new Set(fields.categories)].sort(),
  };
}

/** Field by field, lists whole, as RFC 7396 merges; `null` is no value of a product. */
export const productPatchSchema = productFieldsSchema
  .extend({
    description: text(DESCRIPTION_CHARS_MAX),
    categories: z.array(categorySchema).max(CATEGORIES_MAX),
  })
  .partial();

type Defined<T> = { readonly [K in keyof T]?: T[K] | undefined };

export function patched(
  { item, name, description, taxClass, prices, categories }: ProductFields,
  patch: Defined<ProductFields>,
): ProductFields {
  return normalised({
    item: patch.item ?? item,
    name: patch.name ?? name,
    description: patch.description ?? description,
    taxClass: patch.taxClass ?? taxClass,
    prices: [...(patch.prices ?? prices)],
    categories: [...(patch.categories ?? categories)],
  });
}

export interface PriceChange {
  readonly currency: string;
  /** Undefined when the currency had no price. */
  readonly from: number | undefined;
  /** Undefined when it has none any more. */
  readonly to: number | undefined;
}

/** Currency by currency; empty when no price changes. */
export function priceChanges(from: readonly Money[], to: readonly Money[]): PriceChange[] {
  const before = new Map(from.map((price) => [price.currency, price.minorUnits]));
  const after = new Map(to.map((price) => [price.currency, price.minorUnits]));
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((currency) => ({ currency, from: before.get(currency), to: after.get(currency) }))
    .filter((change) => change.from !== change.to);
}
