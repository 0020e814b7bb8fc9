import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { PaymentRow } from './calls.ts';
import type { PaymentTables } from './tables.ts';

/** Calls that a payment shows; the acquirer is asked for a fate much less often. */
export const ATTEMPTS_MAX = 200;

export interface PaymentView {
  readonly payment: PaymentRow;
  /** Each call, oldest first. */
  readonly attempts: readonly PaymentTables['attempts'][];
  /** Of the refunds, whether one waits for the acquirer's word. */
  readonly isRefunding: boolean;
}

/** Undefined when the tenant has no such payment. */
export function findPayment(
  sql: Sql<PaymentTables>,
  { tenant, paymentKey }: { readonly tenant: string; readonly paymentKey: string },
): Promise<PaymentView | undefined> {
  return sql.read(async (db) => {
    const payment = await db
      .selectFrom('payments')
      .selectAll()
      .where('payment_key', '=', paymentKey)
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    return payment && viewOf(payment, await attemptsOf(db, paymentKey));
  });
}

/** The calls that were made for a payment, oldest first. */
export function attemptsOf(
  db: Reader<PaymentTables>,
  paymentKey: string,
): Promise<PaymentView['attempts']> {
  return selectAttempts.all(db, { paymentKey });
}

export function viewOf(payment: PaymentRow, attempts: PaymentView['attempts']): PaymentView {
  return { payment, attempts, isRefunding: payment.refund_reserved > payment.refunded };
}

const selectAttempts = statement<PaymentTables, { readonly paymentKey: string }>()(
  (db, { paymentKey }) =>
    db
      .selectFrom('attempts')
      .selectAll()
      .where('payment_key', '=', paymentKey)
      .orderBy('started_at')
      .orderBy('attempt_id')
      .limit(ATTEMPTS_MAX),
);
