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

/** Rows that one statement of the books reads, so that it holds nobody up. */
export const BOOKS_PAGE_ROWS = 1_000;
/** Entries that one statement sums. */
export const SUMMED_ENTRIES_MAX = 10_000;

export interface DonePage {
  readonly operations: readonly BookedOperation[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: DonePlace | undefined;
}
export interface DonePlace {
  readonly endedAt: bigint;
  readonly reference: string;
  readonly operationId: string;
}

/** The tenant's operations that were done in the time, in its order, a page of them. */
export async function doneOperations(
  sql: Sql<PaymentTables>,
  of: { readonly tenant: string; readonly from: bigint; readonly to: bigint },
  after: DonePlace | undefined,
): Promise<DonePage> {
  const rows = await sql.read((db) => {
    let query = db
      .selectFrom('operations')
      .innerJoin('payments', 'payments.payment_key', 'operations.payment_key')
      .select([
        'operations.payment_key as reference',
        'operations.operation_id as operationId',
        'operations.kind',
        'operations.minor_units as minorUnits',
        'operations.state',
        'operations.ended_at as endedAt',
        'payments.currency',
        'payments.tenant',
      ])
      .where('operations.state', '=', 'done')
      .where('operations.ended_at', '>=', after?.endedAt ?? of.from)
      .where('operations.ended_at', '<', of.to);
    if (after) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(
          refTuple('operations.ended_at', 'operations.payment_key', 'operations.operation_id'),
          '>',
          tuple(after.endedAt, after.reference, after.operationId),
        ),
      );
    }
    return query
      .orderBy('operations.ended_at')
      .orderBy('operations.payment_key')
      .orderBy('operations.operation_id')
      .limit(BOOKS_PAGE_ROWS)
      .execute();
  });
  return {
    // Not the statement's condition: it would read on and on through another tenant's day.
    operations: rows.filter(({ tenant }) => tenant === of.tenant),
    next: rows.length === BOOKS_PAGE_ROWS ? rows.at(-1) : undefined,
  };
}

export interface BookedPayment {
  readonly tenant: string;
  readonly operations: readonly BookedOperation[];
}

/** All that the books know of these payments, whenever it was; by reference. */
export function bookedPayments(
  sql: Sql<PaymentTables>,
  references: readonly string[],
): Promise<ReadonlyMap<string, BookedPayment>> {
  return sql.read(async (db) => {
    const rows = await db
      .selectFrom('payments')
      .leftJoin('operations', 'operations.payment_key', 'payments.payment_key')
      .select([
        'payments.payment_key as reference',
        'payments.tenant',
        'payments.currency',
        'operations.operation_id as operationId',
        'operations.kind',
        'operations.minor_units as minorUnits',
        'operations.state',
      ])
      .where('payments.payment_key', 'in', references)
      .execute();
    const found = new Map<string, { tenant: string; operations: BookedOperation[] }>();
    for (const { reference, tenant, currency, operationId, kind, minorUnits, state } of rows) {
      const payment = found.get(reference) ?? { tenant, operations: [] };
      found.set(reference, payment);
      if (operationId === null || kind === null || minorUnits === null || state === null) continue;
      payment.operations.push({ reference, operationId, kind, currency, minorUnits, state });
    }
    return found;
  });
}

export interface AccountSum {
  readonly currency: string;
  readonly account: Account;
  readonly minorUnits: bigint;
}

/**
 * Per currency over the tenant's whole ledger; each MUST be zero (I8). Summed in parts: a
 * transaction is posted at once and lies in one of them, so that they balance as the whole does.
 */
export async function ledgerSums(sql: Sql<PaymentTables>, tenant: string): Promise<AccountSum[]> {
  const sums = new Map<string, AccountSum>();
  let after = '';
  for (;;) {
    const last = await lastOfPart(sql, after);
    if (last === undefined) break;
    for (const part of await partSums(sql, { tenant, after, last })) {
      const key = `${part.currency}/${part.account}`;
      const minorUnits = part.minorUnits + (sums.get(key)?.minorUnits ?? 0n);
      sums.set(key, { ...part, minorUnits });
    }
    after = last;
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

async function lastOfPart(sql: Sql<PaymentTables>, after: string): Promise<string | undefined> {
  const row = await sql.read((db) =>
    db
      .selectFrom((part) =>
        part
          .selectFrom('ledger_entries')
          .select('transaction_id')
          .where('transaction_id', '>', after)
          .orderBy('transaction_id')
          .limit(SUMMED_ENTRIES_MAX)
          .as('part'),
      )
      .select(({ fn }) => fn.max('transaction_id').as('last'))
      .executeTakeFirst(),
  );
  return row?.last ?? undefined;
}

function partSums(
  sql: Sql<PaymentTables>,
  part: { readonly tenant: string; readonly after: string; readonly last: string },
): Promise<AccountSum[]> {
  return sql.read((db) =>
    db
      .selectFrom('ledger_entries')
      .select(({ fn }) => ['currency', 'account', fn.sum<bigint>('minor_units').as('minorUnits')])
      .where('tenant', '=', part.tenant)
      .where('transaction_id', '>', part.after)
      .where('transaction_id', '<=', part.last)
      .groupBy(['currency', 'account'])
      .execute(),
  );
}
