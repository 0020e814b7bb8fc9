import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import { outboxMigration } from '../../platform/outbox/outbox.ts';

export const AUTH_MIGRATIONS: readonly Migration[] = [
  {
    id: '0001-users',
    async up(tx) {
      await tx.schema
        .createTable('users')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('username', 'text', (column) => column.notNull().unique())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('password_hash', 'text', (column) => column.notNull())
        .addColumn('roles', 'text', (column) => column.notNull())
        .addColumn('sites', 'text', (column) => column.notNull())
        .addColumn('origin', 'text', (column) => column.notNull())
        .addColumn('disabled_at', 'bigint')
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();
      await tx.schema
        .createTable('refresh_families')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('user_id', 'text', (column) =>
          column.notNull().references('users.id').onDelete('cascade'),
        )
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('revoked_at', 'bigint')
        .execute();
      await tx.schema
        .createTable('refresh_tokens')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('family_id', 'text', (column) =>
          column.notNull().references('refresh_families.id').onDelete('cascade'),
        )
        .addColumn('used_at', 'bigint')
        .execute();
      await index(tx, 'refresh_families', ['user_id', 'created_at']);
      await index(tx, 'refresh_families', ['expires_at']);
      await index(tx, 'refresh_tokens', ['family_id']);
    },
  },
  {
    id: '0002-gateways',
    async up(tx) {
      await tx.schema
        .createTable('gateways')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('site', 'text', (column) => column.notNull())
        .addColumn('name', 'text')
        .addColumn('claim_id', 'text', (column) => column.notNull().unique())
        .addColumn('claim_secret_digest', 'text', (column) => column.notNull())
        .addColumn('claim_expires_at', 'bigint', (column) => column.notNull())
        .addColumn('claimed_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('public_key', 'text')
        .addColumn('certificate', 'text')
        .addColumn('certificate_expires_at', 'bigint')
        .addColumn('enrolled_at', 'bigint')
        .addColumn('revoked_at', 'bigint')
        .addColumn('revoked_by', 'text')
        .execute();
      await tx.schema
        .createTable('renewal_nonces')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .execute();
      await index(tx, 'renewal_nonces', ['expires_at']);
    },
  },
  {
    id: '0003-sign-in-failures',
    async up(tx) {
      await tx.schema
        .createTable('sign_in_failures')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('failures', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .execute();
      await index(tx, 'sign_in_failures', ['expires_at']);
    },
  },
  {
    id: '0004-user-versions',
    async up(tx) {
      await tx.schema
        .alterTable('users')
        .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
        .execute();
      await index(tx, 'users', ['tenant', 'id']);
    },
  },
  {
    id: '0005-clients',
    async up(tx) {
      await tx.schema
        .createTable('clients')
        .addColumn('id', 'text', (column) => column.notNull().primaryKey())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('sites', 'text', (column) => column.notNull())
        .addColumn('secret_digest', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();
      await index(tx, 'clients', ['tenant', 'id']);
    },
  },
  outboxMigration('0006-outbox'),
];

async function index(
  tx: Parameters<Migration['up']>[0],
  table: string,
  columns: string[],
): Promise<void> {
  const name = `${table}_by_${columns.join('_')}`;
  await tx.schema.createIndex(name).on(table).columns(columns).execute();
}
