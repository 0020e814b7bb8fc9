import type { IdempotencyTables } from '../../platform/http/idempotency.ts';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';

/** Times are integer microseconds since 1970. */
export interface ProductTables extends OutboxTables, IdempotencyTables {
  products: {
    id: string;
    tenant: string;
    item: string;
    name: string;
    description: string;
    tax_class: string;
    version: bigint;
    created_at: bigint;
    updated_at: bigint;
    deleted_at: bigint | null;
  };
  product_prices: { product_id: string; currency: string; minor_units: bigint };
  /** Only of products that are not deleted. */
  product_categories: { tenant: string; category: string; product_id: string };
  /** Only of products that are not deleted; see search.ts. */
  product_words: { tenant: string; word: string; product_id: string };
  product_images: {
    product_id: string;
    name: string;
    object_key: string;
    content_type: string;
    bytes: bigint;
    checksum: string;
  };
  /** Objects that no image names, or not yet; see image-objects.ts. */
  image_leftovers: { object_key: string; since: bigint };
}
