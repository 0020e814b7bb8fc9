import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Account } from '../domain/ledger.ts';
import type { OperationKind } from '../domain/payment.ts';
import type { PaymentTables } from './tables.ts';

export interface BookedOperation {
  readonly reference: string;
  readonly operationId: string;
  readonly kind: OperationKind;
  readonly currency: string;
  readonly minorUnits: bigint;
  readonly state: 'pending' | 'done' | 'declined';
}

/** The tenant's operations that were done in the time, in the order of reference and id. */
export function doneOperations(
  sql: Sql<PaymentTables>,
  of: { readonly tenant: string; readonly from: bigint; readonly to: bigint; limit: number },
): Promise<BookedOperation[]> {
  return sql.read((db) =>
    db
      .selectFrom('operations')
      .innerJoin('payments', 'payments.payment_key', 'operations.payment_key')
      .select([
        'operations.payment_key as reference',
        'operations.operation_id as operationId',
        'operations.kind',
        'operations.minor_units as minorUnits',
        'operations.state',
        'payments.currency',
      ])
      .where('payments.tenant', '=', of.tenant)
      .where('operations.state', '=', 'done')
      .where('operations.ended_at', '>=', of.from)
      .where('operations.ended_at', '<', of.to)
      .orderBy('operations.payment_key')
      .orderBy('operations.operation_id')
      .limit(of.limit)
      .execute(),
  );
}

export interface BookedPayment {
  readonly tenant: string;
  readonly operations: readonly BookedOperation[];
}

/** All that the books know of a payment, whenever it was; undefined when nothing. */
export function bookedPayment(
  sql: Sql<PaymentTables>,
  reference: string,
): Promise<BookedPayment | undefined> {
  return sql.read(async (db) => {
    const payment = await db
      .selectFrom('payments')
      .select(['tenant', 'currency'])
      .where('payment_key', '=', reference)
      .executeTakeFirst();
    if (!payment) return undefined;
    const rows = await db
      .selectFrom('operations')
      .selectAll()
      .where('payment_key', '=', reference)
      .execute();
    const operations = rows.map((row) => ({
      reference,
      operationId: row.operation_id,
      kind: row.kind,
      currency: payment.currency,
      minorUnits: row.minor_units,
      state: row.state,
    }));
    return { tenant: payment.tenant, operations };
  });
}

/** Per currency over the tenant's whole ledger; each MUST be zero (I8). */
export function ledgerSums(
  sql: Sql<PaymentTables>,
  tenant: string,
): Promise<{ currency: string; account: Account; minorUnits: bigint }[]> {
  return sql.read((db) =>
    db
      .selectFrom('ledger_entries')
      .select(({ fn }) => ['currency', 'account', fn.sum<bigint>('minor_units').as('minorUnits')])
      .where('tenant', '=', tenant)
      .groupBy(['currency', 'account'])
      .orderBy('currency')
      .orderBy('account')
      .execute(),
  );
}
