import type { Migration, OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import type { ColumnDefinitionBuilder } from 'kysely';
import type { ChargeState, OperationKind } from '../domain/charge.ts';

export interface SandboxTables {
  charges: {
    reference: string;
    order_id: string;
    state: ChargeState;
    currency: string;
    authorised: bigint;
    captured: bigint;
    refunded: bigint;
  };
  /** What was asked, and what came of it; never changed but for the count. */
  operations: {
    reference: string;
    operation_id: string;
    kind: OperationKind;
    currency: string;
    minor_units: bigint;
    outcome: 'done' | 'declined';
    code: string;
    /** `2026-01-31`, UTC. */
    day: string;
    /** How often it was asked: more than once is a client that charges blindly. */
    deliveries: bigint;
  };
}

const required = (column: ColumnDefinitionBuilder) => column.notNull();

const MIGRATIONS: readonly Migration[] = [
  {
    id: '0001-charges',
    async up(tx) {
      await tx.schema
        .createTable('charges')
        .addColumn('reference', 'text', (column) => column.notNull().primaryKey())
        .addColumn('order_id', 'text', required)
        .addColumn('state', 'text', required)
        .addColumn('currency', 'text', required)
        .addColumn('authorised', 'bigint', required)
        .addColumn('captured', 'bigint', required)
        .addColumn('refunded', 'bigint', required)
        .execute();
      await tx.schema
        .createTable('operations')
        .addColumn('reference', 'text', required)
        .addColumn('operation_id', 'text', required)
        .addColumn('kind', 'text', required)
        .addColumn('currency', 'text', required)
        .addColumn('minor_units', 'bigint', required)
        .addColumn('outcome', 'text', required)
        .addColumn('code', 'text', required)
        .addColumn('day', 'text', required)
        .addColumn('deliveries', 'bigint', required)
        .addPrimaryKeyConstraint('operations_key', ['reference', 'operation_id'])
        .execute();
      await tx.schema
        .createIndex('operations_by_day')
        .on('operations')
        .columns(['day', 'reference', 'operation_id'])
        .execute();
      await tx.schema.createIndex('charges_by_order').on('charges').column('order_id').execute();
    },
  },
];

export const PAYMENT_SANDBOX_TABLES: OpenSqlOptions = {
  service: 'payment-sandbox',
  migrations: MIGRATIONS,
};
