import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
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

/**
 * Does the operation once; the same one again gets what came of it. A reference that nobody used is
 * taken without a look at first: references sort by time, and on PostgreSQL transactions that look
 * where others insert are serialized against them.
 */
export function perform(sql: Sql<SandboxTables>, performing: Performing): Promise<Performed> {
  const { request, isDeclined } = performing;
  const operateOn = isDeclined ? decline : operate;
  return sql.transaction(async (tx) => {
    let result = operateOn(undefined, request);
    if (!(await takeReference(tx, result.charge))) {
      const known = await countDelivery(tx, request);
      if (known) return repeated(known, request);
      result = operateOn(await chargeOf(tx, request.reference), request);
      await changeCharge(tx, result.charge);
    }
    await writeOperation(tx, performing, result);
    return result.outcome === 'done' ? { kind: 'done' } : { kind: 'declined', code: result.code };
  });
}

/** False when the reference is used. */
async function takeReference(tx: Tx, { orderId, ...charge }: Charge): Promise<boolean> {
  return (await insertCharge.run(tx, { ...charge, order_id: orderId })) === 1n;
}

const insertCharge = statement<SandboxTables, SandboxTables['charges']>()((db, charge) =>
  db
    .insertInto('charges')
    .values({ ...charge })
    .onConflict((conflict) => conflict.doNothing()),
);

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

async function chargeOf(tx: Tx, reference: string): Promise<Charge> {
  const row = await tx
    .selectFrom('charges')
    .selectAll()
    .where('reference', '=', reference)
    .executeTakeFirstOrThrow();
  return { ...row, orderId: row.order_id };
}

async function changeCharge(tx: Tx, charge: Charge): Promise<void> {
  const { reference, state, authorised, captured, refunded } = charge;
  await tx
    .updateTable('charges')
    .set({ state, authorised, captured, refunded })
    .where('reference', '=', reference)
    .execute();
}

async function writeOperation(
  tx: Tx,
  { request, day }: Performing,
  result: ChargeResult,
): Promise<void> {
  await insertOperation.run(tx, {
    reference: request.reference,
    operation_id: request.operationId,
    kind: request.kind,
    currency: request.currency,
    minor_units: request.minorUnits,
    outcome: result.outcome,
    code: result.outcome === 'declined' ? result.code : '',
    day,
    deliveries: 1n,
  });
}

const insertOperation = statement<SandboxTables, OperationRow>()((db, operation) =>
  db.insertInto('operations').values({ ...operation }),
);

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
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('reference', 'operation_id'), '>', tuple(reference, operationId)),
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
