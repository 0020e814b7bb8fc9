import type { Migration, OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import { type ColumnDefinitionBuilder, sql, type Transaction } from 'kysely';
import { type OutboxTables, outboxMigration } from '../../platform/outbox/outbox.ts';
import type { Account } from '../domain/ledger.ts';
import type { OperationKind, PaymentState } from '../domain/payment.ts';

/** Times are microseconds since 1970. */
export interface PaymentTables extends OutboxTables {
  payments: {
    payment_key: string;
    tenant: string;
    order_id: string;
    /** The acquirer's token; never a card's number. */
    token: string;
    currency: string;
    minor_units: bigint;
    state: PaymentState;
    decline_code: string;
    /** Paid back or about to be; never more than was captured. */
    refund_reserved: bigint;
    refunded: bigint;
    /** Who asked for it. */
    actor: string;
    created_at: bigint;
  };
  /** What the acquirer is asked to do, once each. */
  operations: {
    payment_key: string;
    operation_id: string;
    kind: OperationKind;
    minor_units: bigint;
    state: 'pending' | 'done' | 'declined';
    code: string;
    /** What a call of the resolver does; `query` from the moment on that it may have been sent. */
    next_call: 'send' | 'query';
    sends: bigint;
    queries: bigint;
    /** While it is pending: when the next call is due, or the lease of the present one ends. */
    due_at: bigint;
    actor: string;
    created_at: bigint;
    ended_at: bigint;
  };
  /** Each call to the acquirer; `outcome` is empty until there is one. */
  attempts: {
    attempt_id: string;
    payment_key: string;
    operation_id: string;
    call: OperationKind | 'query';
    outcome: string;
    detail: string;
    started_at: bigint;
    ended_at: bigint;
  };
  /** Double entry; `minor_units` is signed, and each transaction sums to zero (I8). */
  ledger_entries: {
    transaction_id: string;
    account: Account;
    payment_key: string;
    tenant: string;
    currency: string;
    minor_units: bigint;
    at: bigint;
  };
}

type Tx = Transaction<unknown>;
const required = (column: ColumnDefinitionBuilder) => column.notNull();

async function createPayments(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('payments')
    .addColumn('payment_key', 'text', (column) => column.notNull().primaryKey())
    .addColumn('tenant', 'text', required)
    .addColumn('order_id', 'text', required)
    .addColumn('token', 'text', required)
    .addColumn('currency', 'text', required)
    .addColumn('minor_units', 'bigint', required)
    .addColumn('state', 'text', required)
    .addColumn('decline_code', 'text', required)
    .addColumn('refund_reserved', 'bigint', required)
    .addColumn('refunded', 'bigint', required)
    .addColumn('actor', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .execute();
}

async function createOperations(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('operations')
    .addColumn('payment_key', 'text', required)
    .addColumn('operation_id', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('minor_units', 'bigint', required)
    .addColumn('state', 'text', required)
    .addColumn('code', 'text', required)
    .addColumn('next_call', 'text', required)
    .addColumn('sends', 'bigint', required)
    .addColumn('queries', 'bigint', required)
    .addColumn('due_at', 'bigint', required)
    .addColumn('actor', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('ended_at', 'bigint', required)
    .addPrimaryKeyConstraint('operations_key', ['payment_key', 'operation_id'])
    .execute();
  await sql`create index operations_due on operations (due_at) where state = 'pending'`.execute(tx);
  await tx.schema.createIndex('operations_ended').on('operations').column('ended_at').execute();
}

async function createAttempts(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('attempts')
    .addColumn('attempt_id', 'text', (column) => column.notNull().primaryKey())
    .addColumn('payment_key', 'text', required)
    .addColumn('operation_id', 'text', required)
    .addColumn('call', 'text', required)
    .addColumn('outcome', 'text', required)
    .addColumn('detail', 'text', required)
    .addColumn('started_at', 'bigint', required)
    .addColumn('ended_at', 'bigint', required)
    .execute();
  await tx.schema
    .createIndex('attempts_by_payment')
    .on('attempts')
    .columns(['payment_key', 'started_at'])
    .execute();
}

async function createLedger(tx: Tx): Promise<void> {
  await tx.schema
    .createTable('ledger_entries')
    .addColumn('transaction_id', 'text', required)
    .addColumn('account', 'text', required)
    .addColumn('payment_key', 'text', required)
    .addColumn('tenant', 'text', required)
    .addColumn('currency', 'text', required)
    .addColumn('minor_units', 'bigint', required)
    .addColumn('at', 'bigint', required)
    // A transaction is named after its operation: it cannot be posted twice.
    .addPrimaryKeyConstraint('ledger_entries_key', ['transaction_id', 'account'])
    .execute();
}

export const PAYMENT_MIGRATIONS: readonly Migration[] = [
  {
    id: '0001-payments',
    async up(tx) {
      await createPayments(tx);
      await createOperations(tx);
      await createAttempts(tx);
      await createLedger(tx);
    },
  },
  outboxMigration('0002-outbox'),
  {
    // In the order in which they are read, so that nothing sorts them.
    id: '0003-attempts-in-order',
    async up(tx) {
      await tx.schema.dropIndex('attempts_by_payment').execute();
      await tx.schema
        .createIndex('attempts_in_order')
        .on('attempts')
        .columns(['payment_key', 'started_at', 'attempt_id'])
        .execute();
    },
  },
];

export const PAYMENT_TABLES: OpenSqlOptions = {
  service: 'payment',
  migrations: PAYMENT_MIGRATIONS,
};
