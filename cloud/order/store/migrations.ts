import type { Migration, OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import type { ColumnDefinitionBuilder, Transaction } from 'kysely';
import { idempotencyMigration } from '../../platform/http/idempotency.ts';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

const required = (column: ColumnDefinitionBuilder) => column.notNull();

const ORDER_TEXTS = [
  ...['tenant', 'customer', 'state', 'currency', 'country', 'lines', 'sites', 'reservation_id'],
  ...['payment_key', 'method_token', 'undo', 'traceparent', 'holder'],
];
const ORDER_NUMBERS = [
  ...['version', 'net_minor', 'tax_minor', 'total_minor', 'placed_at', 'state_since'],
  ...['epoch', 'attempts', 'due_at'],
];
const ORDER_OPTIONAL = ['shipment_id', 'refund_id', 'ending', 'reason'];
const ADDRESS_TEXTS = ['tenant', 'customer', 'name', 'street', 'city', 'postal_code', 'country'];

/** Its tables. */
export const ORDER_TABLES: OpenSqlOptions = {
  service: 'order',
  migrations: [
    {
      id: '0001-orders',
      async up(tx, technology) {
        await createOrders(tx);
        await createAddresses(tx);
        await createHistory(tx, technology);
      },
    },
    outboxMigration('0002-outbox'),
    idempotencyMigration('0003-idempotency'),
    {
      // Whoever ships asks for what is confirmed; among millions that have ended it may be little.
      id: '0004-orders-by-state',
      up: (tx) => index(tx, 'orders', ['tenant', 'state', 'id']),
    },
    {
      // A customer may be a shop of its own, with as many orders.
      id: '0005-customers-orders-by-state',
      up: (tx) => index(tx, 'orders', ['tenant', 'customer', 'state', 'id']),
    },
  ],
};

async function createOrders(tx: Transaction<unknown>): Promise<void> {
  let orders = tx.schema
    .createTable('orders')
    .addColumn('id', 'text', (column) => column.notNull().primaryKey());
  for (const name of ORDER_TEXTS) orders = orders.addColumn(name, 'text', required);
  for (const name of ORDER_NUMBERS) orders = orders.addColumn(name, 'bigint', required);
  for (const name of ORDER_OPTIONAL) orders = orders.addColumn(name, 'text');
  await orders.execute();
  await index(tx, 'orders', ['tenant', 'customer', 'id']);
  await index(tx, 'orders', ['tenant', 'id']);
  await index(tx, 'orders', ['due_at']);
}

async function createAddresses(tx: Transaction<unknown>): Promise<void> {
  let addresses = tx.schema
    .createTable('order_addresses')
    .addColumn('order_id', 'text', (column) => column.notNull().primaryKey());
  for (const name of ADDRESS_TEXTS) addresses = addresses.addColumn(name, 'text', required);
  await addresses.execute();
  await index(tx, 'order_addresses', ['tenant', 'customer']);
}

async function createHistory(
  tx: Transaction<unknown>,
  technology: Parameters<Migration['up']>[1],
): Promise<void> {
  await tx.schema
    .createTable('order_history')
    .addColumn('id', 'bigint', (column) =>
      technology === 'postgres'
        ? column.generatedAlwaysAsIdentity().primaryKey()
        : column.primaryKey().autoIncrement(),
    )
    .addColumn('order_id', 'text', required)
    .addColumn('at', 'bigint', required)
    .addColumn('entries', 'text', required)
    .execute();
  await index(tx, 'order_history', ['order_id', 'id']);
}

async function index(tx: Transaction<unknown>, table: string, columns: string[]): Promise<void> {
  const name = `${table}_by_${columns.join('_')}`;
  await tx.schema.createIndex(name).on(table).columns(columns).execute();
}
