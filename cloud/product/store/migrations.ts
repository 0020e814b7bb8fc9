import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import type { ColumnDefinitionBuilder } from 'kysely';
import { idempotencyMigration } from '../../platform/http/idempotency.ts';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

const required = (column: ColumnDefinitionBuilder) => column.notNull();

const products: Migration = {
  id: '0001-products',
  async up(tx) {
    await tx.schema
      .createTable('products')
      .addColumn('id', 'text', (column) => column.notNull().primaryKey())
      .addColumn('tenant', 'text', required)
      .addColumn('item', 'text', required)
      .addColumn('name', 'text', required)
      .addColumn('description', 'text', required)
      .addColumn('tax_class', 'text', required)
      .addColumn('version', 'bigint', required)
      .addColumn('created_at', 'bigint', required)
      .addColumn('updated_at', 'bigint', required)
      .addColumn('deleted_at', 'bigint')
      .execute();
    await tx.schema
      .createIndex('products_by_tenant')
      .on('products')
      .columns(['tenant', 'id'])
      .execute();
    await tx.schema
      .createIndex('products_by_item')
      .on('products')
      .columns(['tenant', 'item'])
      .execute();
  },
};

const parts: Migration = {
  id: '0002-parts',
  async up(tx) {
    await tx.schema
      .createTable('product_prices')
      .addColumn('product_id', 'text', required)
      .addColumn('currency', 'text', required)
      .addColumn('minor_units', 'bigint', required)
      .addPrimaryKeyConstraint('product_prices_key', ['product_id', 'currency'])
      .execute();
    await tx.schema
      .createTable('product_images')
      .addColumn('product_id', 'text', required)
      .addColumn('name', 'text', required)
      .addColumn('object_key', 'text', required)
      .addColumn('content_type', 'text', required)
      .addColumn('bytes', 'bigint', required)
      .addColumn('checksum', 'text', required)
      .addPrimaryKeyConstraint('product_images_key', ['product_id', 'name'])
      .execute();
    await tx.schema
      .createTable('image_leftovers')
      .addColumn('object_key', 'text', (column) => column.notNull().primaryKey())
      .addColumn('since', 'bigint', required)
      .execute();
  },
};

/** Both are found by tenant and term, and replaced by product. */
const terms: Migration = {
  id: '0003-terms',
  async up(tx) {
    for (const [table, term] of [
      ['product_categories', 'category'],
      ['product_words', 'word'],
    ] as const) {
      await tx.schema
        .createTable(table)
        .addColumn('tenant', 'text', required)
        .addColumn(term, 'text', required)
        .addColumn('product_id', 'text', required)
        .addPrimaryKeyConstraint(`${table}_key`, ['tenant', term, 'product_id'])
        .execute();
      await tx.schema.createIndex(`${table}_by_product`).on(table).column('product_id').execute();
    }
  },
};

export const PRODUCT_MIGRATIONS: readonly Migration[] = [
  products,
  parts,
  terms,
  outboxMigration('0004-outbox'),
  idempotencyMigration('0005-idempotency'),
];
