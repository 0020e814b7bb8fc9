import type { Migration, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { type ColumnDefinitionBuilder, sql, type Transaction } from 'kysely';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

type Tx = Transaction<unknown>;

const required = (column: ColumnDefinitionBuilder) => column.notNull();

const LEDGER: Migration = {
  id: '0001-ledger',
  async up(tx, technology) {
    await createLevels(tx);
    await createMovements(tx);
    await createReservations(tx);
    await createDiscrepancies(tx);
    await createTurn(tx);
    await createLogTables(tx, technology);
  },
};

/** The tables of the ledger, in order; the module adds those of the HTTP conventions. */
export const LEDGER_MIGRATIONS: readonly Migration[] = [LEDGER, outboxMigration('0002-outbox')];

async function createLevels(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('levels')
    .addColumn('tenant', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('item', 'text', required)
    .addColumn('on_hand', 'bigint', required)
    .addColumn('reserved', 'bigint', required)
    .addColumn('sold', 'bigint', required)
    .addColumn('frozen', 'bigint', required)
    .addColumn('version', 'bigint', required)
    .addColumn('changed_at', 'bigint', required)
    .addColumn('revision', 'bigint', required)
    .addPrimaryKeyConstraint('levels_key', ['tenant', 'item', 'site'])
    .execute();
  await index(tx, 'levels', ['revision']);
}

async function createMovements(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('movements')
    .addColumn('tenant', 'text', required)
    .addColumn('id', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('item', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('quantity', 'bigint', required)
    .addColumn('delta', 'bigint', required)
    .addColumn('other_site', 'text')
    .addColumn('occurred_at', 'bigint', required)
    .addColumn('booked_at', 'bigint', required)
    .addColumn('version', 'bigint', required)
    .addColumn('seen_version', 'bigint')
    .addColumn('fingerprint', 'text', required)
    .addColumn('actor', 'text')
    .addColumn('reason', 'text')
    .addColumn('evidence', 'text')
    .addPrimaryKeyConstraint('movements_key', ['tenant', 'id', 'site'])
    .execute();
  await index(tx, 'movements', ['tenant', 'site', 'item', 'occurred_at']);
  await index(tx, 'movements', ['tenant', 'site', 'item', 'version']);
}

async function createReservations(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('reservations')
    .addColumn('tenant', 'text', required)
    .addColumn('id', 'text', required)
    .addColumn('order_id', 'text', required)
    .addColumn('state', 'text', required)
    .addColumn('lines', 'text', required)
    .addColumn('fingerprint', 'text', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('changed_at', 'bigint', required)
    .addPrimaryKeyConstraint('reservations_key', ['tenant', 'id'])
    .execute();
  // What is held is few; what ended stays for good and need not be passed over.
  await sql`create index reservations_by_expiry on reservations (expires_at)
    where state = 'held'`.execute(tx);
}

async function createDiscrepancies(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('discrepancies')
    .addColumn('tenant', 'text', required)
    .addColumn('id', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('item', 'text', required)
    .addColumn('difference', 'bigint', required)
    .addColumn('movement_id', 'text', required)
    .addColumn('reason', 'text', required)
    .addColumn('detail', 'text', required)
    .addColumn('state', 'text', required)
    .addColumn('opened_at', 'bigint', required)
    .addColumn('resolved_at', 'bigint')
    .addPrimaryKeyConstraint('discrepancies_key', ['tenant', 'id'])
    .execute();
  await index(tx, 'discrepancies', ['tenant', 'state', 'opened_at', 'id']);
}

async function createTurn(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('ledger')
    .addColumn('name', 'text', (column) => column.notNull().primaryKey())
    .addColumn('revision', 'bigint', required)
    .execute();
  await tx.schema
    .createTable('ledger_turn')
    .addColumn('name', 'text', (column) => column.notNull().primaryKey())
    .execute();
  await sql`insert into ledger values ('levels', 0)`.execute(tx);
}

async function createLogTables(tx: Tx, technology: Technology): Promise<void> {
  await tx.schema
    .createTable('streams')
    .addColumn('tenant', 'text', required)
    .addColumn('gateway_id', 'text', required)
    .addColumn('incarnation', 'text', required)
    .addColumn('lane', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('contiguous', 'bigint', required)
    .addColumn('ranges', 'text', required)
    .addColumn('last_event_at', 'bigint', required)
    .addPrimaryKeyConstraint('streams_key', ['tenant', 'gateway_id', 'incarnation', 'lane'])
    .execute();
  await tx.schema
    .createTable('parked')
    .addColumn('id', 'bigint', (column) =>
      technology === 'postgres'
        ? column.generatedAlwaysAsIdentity().primaryKey()
        : column.primaryKey().autoIncrement(),
    )
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('tenant', 'text')
    .addColumn('site', 'text')
    .addColumn('item', 'text')
    .addColumn('reason', 'text', required)
    .addColumn('detail', 'text', required)
    .addColumn('gateway_id', 'text')
    .addColumn('incarnation', 'text')
    .addColumn('first_sequence', 'bigint')
    .addColumn('record_count', 'bigint', required)
    .addColumn('parked_at', 'bigint', required)
    .addColumn('body', 'blob', required)
    .execute();
  await index(tx, 'parked', ['tenant', 'id']);
}

async function index(tx: Tx, table: string, columns: string[]): Promise<void> {
  const name = `${table}_by_${columns.at(-1)}`;
  await tx.schema.createIndex(name).on(table).columns(columns).execute();
}
