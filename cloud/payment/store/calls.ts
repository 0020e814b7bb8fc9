import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw, type Transaction } from 'kysely';
import type { PaymentTables } from './tables.ts';

type Tx = Transaction<PaymentTables>;
export type OperationRow = PaymentTables['operations'];
export type PaymentRow = PaymentTables['payments'];

/**
 * Written out: a partial index is looked into for a literal only. What is pending is few; what has
 * ended stays for good and must not be passed over.
 */
const PENDING = raw.lit<'pending'>('pending');

/** A call that may go out: its intent is stored, and it is ours until the lease ends. */
export interface ClaimedCall {
  readonly call: 'send' | 'query';
  readonly attemptId: string;
  /** Also the fence: whoever took it over moved it. */
  readonly leaseUntil: bigint;
  readonly operation: OperationRow;
  readonly payment: PaymentRow;
}

export interface ClaimOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly leaseMs: number;
}

/** Drawn outside the transaction, which may run twice. */
export interface Claim {
  readonly now: bigint;
  readonly leaseUntil: bigint;
  readonly attemptId: string;
}

export function drawClaim({ runtime, leaseMs }: ClaimOptions): Claim {
  const { clock, random } = runtime;
  const now = clock.nowMicros();
  const attemptId = prefixedId('att', clock.now(), random.bytes(10));
  return { now, leaseUntil: now + BigInt(leaseMs) * 1000n, attemptId };
}

export async function insertAttempt(
  tx: Tx,
  claim: Claim,
  { operation, call }: { operation: OperationRow; call: 'send' | 'query' },
): Promise<void> {
  await storeAttempt.run(tx, {
    attempt_id: claim.attemptId,
    payment_key: operation.payment_key,
    operation_id: operation.operation_id,
    call: call === 'send' ? operation.kind : 'query',
    outcome: '',
    detail: '',
    started_at: claim.now,
    ended_at: 0n,
  });
}

const storeAttempt = statement<PaymentTables, PaymentTables['attempts']>()((db, row) =>
  db.insertInto('attempts').values(row),
);

export interface Due {
  readonly now: bigint;
  /** Nothing can be due later: the clock was ahead when that was written. */
  readonly latest: bigint;
  readonly limit: number;
}

/** Operations without the acquirer's word whose time has come, oldest first. */
export function dueOperations(sql: Sql<PaymentTables>, due: Due): Promise<OperationRow[]> {
  return sql.read((db) => dueQuery(db, due).execute());
}

export function dueQuery(db: Reader<PaymentTables>, { now, latest, limit }: Due) {
  return db
    .selectFrom('operations')
    .selectAll()
    .where('state', '=', PENDING)
    .where((eb) => eb.or([eb('due_at', '<=', now), eb('due_at', '>', latest)]))
    .orderBy('due_at')
    .limit(limit);
}

/** When the next one is due, and since when the oldest waits; undefined when none does. */
export function pendingTimes(
  sql: Sql<PaymentTables>,
): Promise<{ dueAt: bigint; since: bigint; count: bigint } | undefined> {
  return sql.read(async (db) => {
    const row = await pendingQuery(db).executeTakeFirstOrThrow();
    return row.count > 0n ? row : undefined;
  });
}

export function pendingQuery(db: Reader<PaymentTables>) {
  return db
    .selectFrom('operations')
    .select(({ fn }) => [
      fn.min('due_at').as('dueAt'),
      fn.min('created_at').as('since'),
      fn.countAll<bigint>().as('count'),
    ])
    .where('state', '=', PENDING);
}

/** Takes a due operation for one call; undefined when somebody else was faster. */
export function claimCall(
  sql: Sql<PaymentTables>,
  due: OperationRow,
  options: ClaimOptions,
): Promise<ClaimedCall | undefined> {
  const claim = drawClaim(options);
  const call = due.next_call;
  return sql.transaction(async (tx) => {
    const operation = await tx
      .updateTable('operations')
      .set((eb) => ({
        next_call: 'query' as const,
        due_at: claim.leaseUntil,
        ...(call === 'send'
          ? { sends: eb('sends', '+', 1n) }
          : { queries: eb('queries', '+', 1n) }),
      }))
      .where('payment_key', '=', due.payment_key)
      .where('operation_id', '=', due.operation_id)
      .where('state', '=', 'pending')
      .where('due_at', '=', due.due_at)
      .returningAll()
      .executeTakeFirst();
    if (!operation) return undefined;
    await insertAttempt(tx, claim, { operation, call });
    const payment = await paymentOf(tx, due.payment_key);
    if (!payment) return undefined;
    return { call, operation, payment, ...claim };
  });
}

export async function paymentOf(tx: Tx, paymentKey: string): Promise<PaymentRow | undefined> {
  const [found] = await selectPayment.all(tx, { paymentKey });
  return found;
}

const selectPayment = statement<PaymentTables, { readonly paymentKey: string }>()(
  (db, { paymentKey }) =>
    db.selectFrom('payments').selectAll().where('payment_key', '=', paymentKey),
);
