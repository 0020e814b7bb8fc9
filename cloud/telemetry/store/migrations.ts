import type { Migration, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { type ColumnDefinitionBuilder, sql, type Transaction } from 'kysely';
import { inboxMigration } from '../../platform/outbox/inbox.ts';

type Build = (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;
type Tx = Transaction<unknown>;

const required: Build = (column) => column.notNull();

/** An id that the database gives, and never gives again. */
function generated(technology: Technology): Build {
  return technology === 'postgres'
    ? (column) => column.generatedAlwaysAsIdentity().primaryKey()
    : (column) => column.primaryKey().autoIncrement();
}

export const migrations: readonly Migration[] = [
  {
    id: '0001-readings',
    async up(tx, technology) {
      await createSources(tx, technology);
      await createParts(tx, technology);
      await createSummaries(tx);
      await createLogTables(tx, technology);
      await createGateways(tx);
    },
  },
  inboxMigration('0002-inbox'),
  {
    id: '0003-condensed',
    async up(tx) {
      await tx.schema
        .alterTable('streams')
        .addColumn('condensed', 'bigint', (column) => column.notNull().defaultTo(0))
        .execute();
    },
  },
  {
    id: '0004-revocations',
    async up(tx) {
      await tx.schema
        .createTable('revocations')
        .addColumn('tenant', 'text', required)
        .addColumn('gateway_id', 'text', required)
        .addColumn('revoked_at', 'bigint', required)
        .addPrimaryKeyConstraint('revocations_key', ['tenant', 'gateway_id'])
        .execute();
    },
  },
];

async function createSources(tx: Tx, technology: Technology): Promise<void> {
  await tx.schema
    .createTable('series')
    .addColumn('id', 'bigint', generated(technology))
    .addColumn('tenant', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('device', 'text', required)
    .addColumn('metric', 'text', required)
    .addUniqueConstraint('series_key', ['tenant', 'site', 'device', 'metric'])
    .execute();
  await tx.schema
    .createTable('streams')
    .addColumn('id', 'bigint', generated(technology))
    .addColumn('tenant', 'text', required)
    .addColumn('gateway_id', 'text', required)
    .addColumn('incarnation', 'text', required)
    .addColumn('lane', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('contiguous', 'bigint', required)
    .addColumn('ranges', 'text', required)
    .addColumn('last_event_at', 'bigint', required)
    .addUniqueConstraint('streams_key', ['tenant', 'gateway_id', 'incarnation', 'lane'])
    .execute();
}

async function createParts(tx: Tx, technology: Technology): Promise<void> {
  await tx.schema
    .createTable('parts')
    .addColumn('id', 'bigint', generated(technology))
    .addColumn('series_id', 'bigint', required)
    .addColumn('hour', 'bigint', required)
    .addColumn('stream_id', 'bigint', required)
    .addColumn('folded', 'bigint', required)
    .addColumn('first_time', 'bigint', required)
    .addColumn('last_time', 'bigint', required)
    .addColumn('first_sequence', 'bigint', required)
    .addColumn('last_sequence', 'bigint', required)
    .addColumn('reading_count', 'bigint', required)
    .addColumn('stored_at', 'bigint', required)
    .addColumn('body', 'blob', required)
    .execute();
  const index = (name: string, columns: string[]) =>
    tx.schema.createIndex(name).on('parts').columns(columns);
  await index('parts_by_hour', ['series_id', 'hour']).execute();
  await index('parts_to_fold', ['id']).where(sql.ref('folded'), '=', sql.lit(0)).execute();
  await index('parts_to_forget', ['stored_at']).where(sql.ref('folded'), '=', sql.lit(1)).execute();
}

async function createSummaries(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('roll_ups')
    .addColumn('series_id', 'bigint', required)
    .addColumn('hour', 'bigint', required)
    .addColumn('revision', 'bigint', required)
    .addColumn('summary', 'blob', required)
    .addColumn('minutes', 'blob')
    .addColumn('stored_at', 'bigint', required)
    .addPrimaryKeyConstraint('roll_ups_key', ['series_id', 'hour'])
    .execute();
  await tx.schema
    .createIndex('roll_ups_to_forget')
    .on('roll_ups')
    .column('stored_at')
    .where(sql.ref('minutes'), 'is not', null)
    .execute();
  await tx.schema
    .createTable('latest')
    .addColumn('series_id', 'bigint', required)
    .addColumn('stream_id', 'bigint', required)
    .addColumn('sequence', 'bigint', required)
    .addColumn('time', 'bigint', required)
    .addColumn('received_at', 'bigint', required)
    .addColumn('flags', 'bigint', required)
    .addColumn('value', 'real')
    .addColumn('body', 'blob')
    .addPrimaryKeyConstraint('latest_key', ['series_id', 'stream_id'])
    .execute();
}

async function createLogTables(tx: Tx, technology: Technology): Promise<void> {
  await tx.schema
    .createTable('parked')
    .addColumn('id', 'bigint', generated(technology))
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('topic', 'text', required)
    .addColumn('log_partition', 'bigint', required)
    .addColumn('log_offset', 'bigint', required)
    .addColumn('reason', 'text', required)
    .addColumn('detail', 'text', required)
    .addColumn('tenant', 'text')
    .addColumn('gateway_id', 'text')
    .addColumn('incarnation', 'text')
    .addColumn('lane', 'text')
    .addColumn('first_sequence', 'bigint')
    .addColumn('record_count', 'bigint', required)
    .addColumn('parked_at', 'bigint', required)
    .addColumn('body', 'blob', required)
    .execute();
  await tx.schema
    .createIndex('parked_by_gateway')
    .on('parked')
    .columns(['tenant', 'gateway_id'])
    .execute();
  await tx.schema
    .createTable('log_positions')
    .addColumn('topic', 'text', required)
    .addColumn('log_partition', 'bigint', required)
    .addColumn('next_offset', 'bigint', required)
    .addPrimaryKeyConstraint('log_positions_key', ['topic', 'log_partition'])
    .execute();
}

async function createGateways(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('gateways')
    .addColumn('tenant', 'text', required)
    .addColumn('gateway_id', 'text', required)
    .addColumn('site', 'text', required)
    .addColumn('state', 'text', required)
    .addColumn('reason', 'text')
    .addColumn('incarnation', 'text', required)
    .addColumn('software_version', 'text')
    .addColumn('buffer_bytes', 'bigint', required)
    .addColumn('connected_devices', 'bigint', required)
    .addColumn('last_seen', 'bigint', required)
    .addColumn('reported_at', 'bigint')
    .addColumn('lanes', 'text', required)
    .addPrimaryKeyConstraint('gateways_key', ['tenant', 'gateway_id'])
    .execute();
  await tx.schema
    .createTable('leases')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('holder', 'text', required)
    .addColumn('until', 'bigint', required)
    .execute();
}
