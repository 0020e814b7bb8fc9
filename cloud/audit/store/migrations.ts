import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import type { ColumnDefinitionBuilder } from 'kysely';
import { inboxMigration } from '../../platform/outbox/inbox.ts';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

const required = (column: ColumnDefinitionBuilder) => column.notNull();

const entries: Migration = {
  id: '0001-entries',
  async up(tx) {
    await tx.schema
      .createTable('audit_entries')
      .addColumn('service', 'text', required)
      .addColumn('partition', 'bigint', required)
      .addColumn('chain_index', 'bigint', required)
      .addColumn('previous_hash', 'text', required)
      .addColumn('hash', 'text', required)
      .addColumn('event_id', 'text', required)
      .addColumn('tenant', 'text', required)
      .addColumn('subject', 'text', required)
      .addColumn('sequence', 'bigint', required)
      .addColumn('time', 'text', required)
      .addColumn('traceparent', 'text', required)
      .addColumn('entry', 'text', required)
      .addColumn('resource_kind', 'text', required)
      .addColumn('resource_id', 'text', required)
      .addColumn('actor', 'text', required)
      .addColumn('action', 'text', required)
      .addColumn('outcome', 'text', required)
      .addColumn('unreadable', 'blob')
      .addPrimaryKeyConstraint('audit_entries_key', ['service', 'partition', 'chain_index'])
      .execute();
    // Each list of the route is a range of one of these.
    for (const [name, columns] of [
      ['audit_entries_by_time', []],
      ['audit_entries_by_resource', ['resource_kind', 'resource_id']],
      ['audit_entries_by_actor', ['actor']],
      ['audit_entries_by_action', ['action']],
      ['audit_entries_by_outcome', ['outcome']],
    ] as const) {
      await tx.schema
        .createIndex(name)
        .on('audit_entries')
        .columns(['tenant', ...columns, 'time', 'service', 'partition', 'chain_index'])
        .execute();
    }
  },
};

const chains: Migration = {
  id: '0002-chains',
  async up(tx) {
    await tx.schema
      .createTable('audit_chains')
      .addColumn('service', 'text', required)
      .addColumn('partition', 'bigint', required)
      .addColumn('length', 'bigint', required)
      .addColumn('hash', 'text', required)
      .addPrimaryKeyConstraint('audit_chains_key', ['service', 'partition'])
      .execute();
    await tx.schema
      .createTable('audit_heads')
      .addColumn('head_index', 'bigint', (column) => column.notNull().primaryKey())
      .addColumn('at', 'bigint', required)
      .addColumn('chains', 'text', required)
      .addColumn('previous_hash', 'text', required)
      .addColumn('hash', 'text', required)
      .execute();
  },
};

export const AUDIT_MIGRATIONS: readonly Migration[] = [
  entries,
  chains,
  inboxMigration('0003-inbox'),
  outboxMigration('0004-outbox'),
];
