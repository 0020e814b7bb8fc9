import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import type { Amount } from '@holdfast/shared/ui/money-format.ts';

/** What people write of a product (proto/openapi.json). */
export interface ProductFields {
  readonly item: string;
  readonly name: string;
  readonly description: string;
  readonly taxClass: string;
  readonly prices: readonly Amount[];
  readonly categories: readonly string[];
}

export interface ProductImage {
  readonly name: string;
  readonly url: string;
}

export interface Product extends ProductFields {
  readonly id: string;
  readonly images: readonly ProductImage[];
  readonly version: number;
  readonly updatedAt: string;
}

/** A product with the tag of just this version: what a change of it must name. */
export interface TaggedProduct {
  readonly product: Product;
  readonly tag: string;
}

export async function readProduct(api: ApiClient, id: string): Promise<TaggedProduct> {
  const path = productResource(id);
  const product = await api.get<Product>(path);
  return { product, tag: api.tagOf(path) ?? '' };
}

export function productResource(id: string): string {
  return `/v1/products/${encodeURIComponent(id)}`;
}

export function fieldsOf(product: ProductFields): ProductFields {
  const { item, name, description, taxClass, prices, categories } = product;
  return { item, name, description, taxClass, prices, categories };
}
