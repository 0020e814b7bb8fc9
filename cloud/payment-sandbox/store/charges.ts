import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import {
  type Charge,
  type ChargeRequest,
  type ChargeResult,
  decline,
  operate,
} from '../domain/charge.ts';
import type { SandboxTables } from './tables.ts';

type Tx = Transaction<SandboxTables>;

export const DAY_PAGE_ROWS = 100;

export type Performed =
  | { readonly kind: 'done' }
  | { readonly kind: 'declined'; readonly code: string }
  /** The same operation was asked with another amount. */
  | { readonly kind: 'invalid'; readonly code: string };

export interface Performing {
  readonly request: ChargeRequest;
  readonly day: string;
  readonly isDeclined: boolean;
}

/** Does the operation once; the same one again gets what came of it. */
export function perform(sql: Sql<SandboxTables>, performing: Performing): Promise<Performed> {
  const { request } = performing;
  return sql.transaction(async (tx) => {
    const known = await countDelivery(tx, request);
    if (known) return repeated(known, request);
    const charge = await chargeOf(tx, request.reference);
    const result = performing.isDeclined ? decline(charge, request) : operate(charge, request);
    await writeCharge(tx, result.charge);
    await writeOperation(tx, performing, result);
    return result.outcome === 'done' ? { kind: 'done' } : { kind: 'declined', code: result.code };
  });
}

type OperationRow = SandboxTables['operations'];

function countDelivery(tx: Tx, request: ChargeRequest): Promise<OperationRow | undefined> {
  return tx
    .updateTable('operations')
    .set((eb) => ({ deliveries: eb('deliveries', '+', 1n) }))
    .where('reference', '=', request.reference)
    .where('operation_id', '=', request.operationId)
    .returningAll()
    .executeTakeFirst();
}

function repeated(known: OperationRow, request: ChargeRequest): Performed {
  const isSame =
    known.kind === request.kind &&
    known.minor_units === request.minorUnits &&
    known.currency === request.currency;
  if (!isSame) return { kind: 'invalid', code: 'other_amount' };
  return known.outcome === 'done' ? { kind: 'done' } : { kind: 'declined', code: known.code };
}

async function chargeOf(tx: Tx, reference: string): Promise<Charge | undefined> {
  const row = await tx
    .selectFrom('charges')
    .selectAll()
    .where('reference', '=', reference)
    .executeTakeFirst();
  return row && { ...row, orderId: row.order_id };
}

async function writeCharge(tx: Tx, charge: Charge): Promise<void> {
  const { reference, orderId, state, currency, authorised, captured, refunded } = charge;
  const amounts = { state, authorised, captured, refunded };
  await tx
    .insertInto('charges')
    .values({ reference, order_id: orderId, currency, ...amounts })
    .onConflict((conflict) => conflict.column('reference').doUpdateSet(amounts))
    .execute();
}

async function writeOperation(
  tx: Tx,
  { request, day }: Performing,
  result: ChargeResult,
): Promise<void> {
  await tx
    .insertInto('operations')
    .values({
      reference: request.reference,
      operation_id: request.operationId,
      kind: request.kind,
      currency: request.currency,
      minor_units: request.minorUnits,
      outcome: result.outcome,
      code: result.outcome === 'declined' ? result.code : '',
      day,
      deliveries: 1n,
    })
    .execute();
}

export function findOperation(
  sql: Sql<SandboxTables>,
  { reference, operationId }: { readonly reference: string; readonly operationId: string },
): Promise<OperationRow | undefined> {
  return sql.read((db) =>
    db
      .selectFrom('operations')
      .selectAll()
      .where('reference', '=', reference)
      .where('operation_id', '=', operationId)
      .executeTakeFirst(),
  );
}

/** What was done on the day, after a row. */
export function operationsOfDay(
  sql: Sql<SandboxTables>,
  day: string,
  after: readonly [string, string],
): Promise<OperationRow[]> {
  const [reference, operationId] = after;
  return sql.read((db) =>
    db
      .selectFrom('operations')
      .selectAll()
      .where('day', '=', day)
      .where('outcome', '=', 'done')
      .where((eb) =>
        eb.or([
          eb('reference', '>', reference),
          eb.and([eb('reference', '=', reference), eb('operation_id', '>', operationId)]),
        ]),
      )
      .orderBy('reference')
      .orderBy('operation_id')
      .limit(DAY_PAGE_ROWS)
      .execute(),
  );
}

/** Orders that are charged under more than one reference: what must never be (I5). */
export function doubleCharges(sql: Sql<SandboxTables>): Promise<string[]> {
  return sql.read(async (db) => {
    const rows = await db
      .selectFrom('charges')
      .select('order_id')
      .where('state', 'in', ['held', 'captured'])
      .where('order_id', '!=', '')
      .groupBy('order_id')
      .having((eb) => eb.fn.countAll<bigint>(), '>', 1n)
      .orderBy('order_id')
      .limit(DAY_PAGE_ROWS)
      .execute();
    return rows.map((row) => row.order_id);
  });
}

export interface ChargeReport extends Charge {
  readonly operations: readonly {
    readonly operationId: string;
    readonly kind: string;
    readonly outcome: string;
    readonly deliveries: number;
  }[];
}

export function reportCharge(
  sql: Sql<SandboxTables>,
  reference: string,
): Promise<ChargeReport | undefined> {
  return sql.read(async (db) => {
    const row = await db
      .selectFrom('charges')
      .selectAll()
      .where('reference', '=', reference)
      .executeTakeFirst();
    if (!row) return undefined;
    const operations = await db
      .selectFrom('operations')
      .selectAll()
      .where('reference', '=', reference)
      .orderBy('operation_id')
      .execute();
    const { order_id: orderId, ...charge } = row;
    return {
      ...charge,
      orderId,
      operations: operations.map((each) => ({
        operationId: each.operation_id,
        kind: each.kind,
        outcome: each.outcome,
        deliveries: Number(each.deliveries),
      })),
    };
  });
}
