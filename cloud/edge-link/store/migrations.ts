import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import type { CreateTableBuilder, Transaction } from 'kysely';
import { inboxMigration } from '../../platform/outbox/inbox-positions.ts';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

/** Runs in edge-link's own schema or file. */
export const edgeLinkMigrations: readonly Migration[] = [
  {
    id: '0001-streams',
    async up(tx) {
      await createGateways(tx);
      await createPositions(tx);
      await createBlocks(tx);
    },
  },
  outboxMigration('0002-outbox'),
  inboxMigration('0003-inbox'),
  { id: '0004-revocations', up: createRevocations },
];

async function createGateways(tx: Transaction<unknown>): Promise<void> {
  await tx.schema
    .createTable('gateways')
    .addColumn('gateway_id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('incarnation', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('stream_id', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .addColumn('welcomes', 'bigint', (column) => column.notNull())
    .execute();
  await tx.schema
    .createTable('incarnations')
    .addColumn('gateway_id', 'text', (column) => column.notNull())
    .addColumn('incarnation', 'text', (column) => column.notNull())
    .addColumn('shown_turn', 'text', (column) => column.notNull())
    .addColumn('issued_turns', 'text', (column) => column.notNull())
    .addColumn('fenced', 'text')
    .addColumn('superseded', 'bigint', (column) => column.notNull())
    .addColumn('reported_delivered', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('incarnations_key', ['gateway_id', 'incarnation'])
    .execute();
}

async function createPositions(tx: Transaction<unknown>): Promise<void> {
  await withLaneKey(tx.schema.createTable('lane_positions'))
    .addColumn('contiguous', 'bigint', (column) => column.notNull())
    .addColumn('ranges', 'text', (column) => column.notNull())
    .addColumn('block_count', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('lane_positions_key', ['gateway_id', 'incarnation', 'lane'])
    .execute();
  await withLaneKey(tx.schema.createTable('gone_positions'))
    .addColumn('contiguous', 'bigint', (column) => column.notNull())
    .addColumn('ranges', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('gone_positions_key', ['gateway_id', 'incarnation', 'lane'])
    .execute();
  await tx.schema
    .createTable('consumed_offsets')
    .addColumn('topic', 'text', (column) => column.notNull())
    .addColumn('partition', 'bigint', (column) => column.notNull())
    .addColumn('next_offset', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('consumed_offsets_key', ['topic', 'partition'])
    .execute();
}

async function createBlocks(tx: Transaction<unknown>): Promise<void> {
  await withBlockKey(tx.schema.createTable('recent_blocks'))
    .addColumn('log_offset', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('recent_blocks_key', [...LANE_KEY, 'first_sequence'])
    .execute();
  await tx.schema
    .createIndex('recent_blocks_by_offset')
    .on('recent_blocks')
    .columns([...LANE_KEY, 'log_offset'])
    .execute();
  await withBlockKey(tx.schema.createTable('parked_blocks'))
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('bytes', 'blob')
    .addColumn('parked_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('parked_blocks_key', [...LANE_KEY, 'first_sequence', 'checksum'])
    .execute();
}

async function createRevocations(tx: Transaction<unknown>): Promise<void> {
  await tx.schema
    .createTable('revoked_gateways')
    .addColumn('gateway_id', 'text', (column) => column.notNull().primaryKey())
    .addColumn('revoked_at', 'bigint', (column) => column.notNull())
    .execute();
}

const LANE_KEY = ['gateway_id', 'incarnation', 'lane'] as const;

function withLaneKey<T extends string>(table: CreateTableBuilder<T, never>) {
  return table
    .addColumn('gateway_id', 'text', (column) => column.notNull())
    .addColumn('incarnation', 'text', (column) => column.notNull())
    .addColumn('lane', 'text', (column) => column.notNull());
}

function withBlockKey<T extends string>(table: CreateTableBuilder<T, never>) {
  return withLaneKey(table)
    .addColumn('first_sequence', 'bigint', (column) => column.notNull())
    .addColumn('last_sequence', 'bigint', (column) => column.notNull())
    .addColumn('checksum', 'text', (column) => column.notNull());
}
