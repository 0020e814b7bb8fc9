import type { Money } from '@holdfast/shared/contracts/money.ts';
import type { Product, ProductImage } from './product.ts';

/** A product as it leaves the service; it survives JSON as it is. */
export interface ProductView {
  readonly id: string;
  readonly item: string;
  readonly name: string;
  readonly description: string;
  readonly taxClass: string;
  readonly prices: readonly Money[];
  readonly categories: readonly string[];
  readonly images: readonly ImageView[];
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deleted: boolean;
}

export interface ImageView extends ProductImage {
  /** Names the bytes, so that whoever has them need not ask again. */
  readonly url: string;
}

export function viewOf(product: Product): ProductView {
  const { id, item, name, description, taxClass, prices, categories, version } = product;
  return {
    id,
    item,
    name,
    description,
    taxClass,
    prices,
    categories,
    images: product.images.map((image) => ({ ...image, url: imageUrl(id, image) })),
    version,
    createdAt: rfc3339(product.createdAt),
    updatedAt: rfc3339(product.updatedAt),
    deleted: product.deletedAt !== null,
  };
}

function imageUrl(productId: string, { name, checksum }: ProductImage): string {
  return `/v1/products/${productId}/images/${name}?checksum=${checksum}`;
}

function rfc3339(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString();
}
