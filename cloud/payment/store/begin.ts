import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Transaction } from 'kysely';
import { type OperationKind, rulingOn, STATE_DURING } from '../domain/payment.ts';
import {
  type Claim,
  type ClaimedCall,
  type ClaimOptions,
  drawClaim,
  insertAttempt,
  type OperationRow,
  type PaymentRow,
  paymentOf,
} from './calls.ts';
import type { PaymentTables } from './tables.ts';

type Tx = Transaction<PaymentTables>;

export interface Command {
  readonly kind: OperationKind;
  readonly paymentKey: string;
  readonly tenant: string;
  readonly actor: string;
  /** Of an Authorise: what the payment is. */
  readonly order?: { readonly orderId: string; readonly token: string };
  /** Of an Authorise and a Refund. */
  readonly amount?: { readonly currency: string; readonly minorUnits: bigint };
  /** Of a Refund: its operation id. */
  readonly refundId?: string;
}

export type Begun =
  | { readonly kind: 'started'; readonly call: ClaimedCall }
  /** Done before, under way, or nothing to do. */
  | { readonly kind: 'answer' };

/**
 * Stores the intent, before anything is sent: payment, operation and attempt, leased to this
 * process. Throws STATE_CONFLICT, NOT_FOUND or PAYMENT_UNRESOLVED, as the payment's state says.
 */
export function begin(
  sql: Sql<PaymentTables>,
  command: Command,
  options: ClaimOptions,
): Promise<Begun> {
  const claim = drawClaim(options);
  return sql.transaction(async (tx) => {
    if (command.kind === 'authorise') {
      const payment = newPayment(command, { claim, state: 'authorising' });
      // Nearly always the key is new, and nothing has to be looked for.
      if (await isInserted(tx, payment)) return send(tx, command, { claim, payment });
    }
    const found = await paymentOf(tx, command.paymentKey);
    checkSame(found, command);
    if (found && command.kind === 'refund' && (await isRefundKnown(tx, command))) {
      return { kind: 'answer' };
    }
    const ruling = rulingOn(found?.state, command.kind);
    switch (ruling) {
      case 'answer':
        return { kind: 'answer' };
      case 'remember':
        if (!(await isInserted(tx, newPayment(command, { claim, state: 'voided' })))) throw taken();
        return { kind: 'answer' };
      case 'start':
        return start(tx, command, { claim, found });
      case 'supersede':
        await supersede(tx, command, claim);
        return start(tx, command, { claim, found });
      case 'unresolved':
        throw new AppError('PAYMENT_UNRESOLVED', `a call for ${command.paymentKey} is under way`);
      case 'missing':
        throw new AppError('NOT_FOUND', `there is no payment ${command.paymentKey}`);
      case 'refuse':
        throw conflict(`the payment is ${found?.state}: no ${command.kind}`);
    }
  });
}

/** One payment key is one payment of one tenant (I5, I10). */
function checkSame(found: PaymentRow | undefined, command: Command): void {
  if (!found) return;
  if (found.tenant !== command.tenant) {
    throw new AppError('NOT_FOUND', `there is no payment ${command.paymentKey}`);
  }
  const { order, amount } = command;
  if (!order || !amount) return;
  // Remembered by a Void that came first: it has neither order nor amount.
  if (found.order_id === '') return;
  const isSame =
    found.order_id === order.orderId &&
    found.token === order.token &&
    found.currency === amount.currency &&
    found.minor_units === amount.minorUnits;
  if (!isSame) throw conflict('the payment key was used for another order, amount or token');
}

function conflict(message: string): AppError {
  return new AppError('STATE_CONFLICT', message);
}

async function isRefundKnown(tx: Tx, { paymentKey, refundId, amount }: Command): Promise<boolean> {
  const known = await operationOf(tx, paymentKey, refundId ?? '');
  if (!known) return false;
  if (known.minor_units !== amount?.minorUnits) {
    throw conflict('the refund id was used with another amount');
  }
  if (known.state === 'declined') throw conflict(`the acquirer refused the refund: ${known.code}`);
  return true;
}

function operationOf(tx: Tx, paymentKey: string, operationId: string) {
  return tx
    .selectFrom('operations')
    .selectAll()
    .where('payment_key', '=', paymentKey)
    .where('operation_id', '=', operationId)
    .executeTakeFirst();
}

interface Starting {
  readonly claim: Claim;
  readonly found: PaymentRow | undefined;
}

async function start(tx: Tx, command: Command, { claim, found }: Starting): Promise<Begun> {
  // It was there a moment ago: the transaction began before it came.
  if (!found) throw taken();
  return send(tx, command, { claim, payment: await moveOn(tx, command, found) });
}

async function send(
  tx: Tx,
  command: Command,
  { claim, payment }: { readonly claim: Claim; readonly payment: PaymentRow },
): Promise<Begun> {
  const { kind } = command;
  const operation = operationRow(command, { claim, payment });
  await Promise.all([
    insertOperation(tx, operation),
    insertAttempt(tx, claim, { operation, call: 'send' }),
    kind === 'refund' && reserveRefund(tx, command, payment),
  ]);
  return { kind: 'started', call: { call: 'send', operation, payment, ...claim } };
}

async function moveOn(tx: Tx, { kind }: Command, found: PaymentRow): Promise<PaymentRow> {
  const state = STATE_DURING[kind];
  if (state === found.state) return found;
  await tx
    .updateTable('payments')
    .set({ state })
    .where('payment_key', '=', found.payment_key)
    .execute();
  return { ...found, state };
}

async function reserveRefund(tx: Tx, { amount }: Command, payment: PaymentRow): Promise<void> {
  if (!amount || amount.currency !== payment.currency) {
    throw conflict(`the payment is in ${payment.currency}`);
  }
  const reserved = payment.refund_reserved + amount.minorUnits;
  if (reserved > payment.minor_units) throw conflict('more than what was captured');
  await tx
    .updateTable('payments')
    .set({ refund_reserved: reserved })
    .where('payment_key', '=', payment.payment_key)
    .execute();
}

function newPayment(
  command: Command,
  { claim, state }: { claim: Claim; state: 'authorising' | 'voided' },
): PaymentRow {
  return {
    payment_key: command.paymentKey,
    tenant: command.tenant,
    order_id: command.order?.orderId ?? '',
    token: command.order?.token ?? '',
    currency: command.amount?.currency ?? '',
    minor_units: command.amount?.minorUnits ?? 0n,
    state,
    decline_code: '',
    refund_reserved: 0n,
    refunded: 0n,
    actor: command.actor,
    created_at: claim.now,
  };
}

const insertPayment = statement<PaymentTables, PaymentRow>()((db, row) =>
  db
    .insertInto('payments')
    .values(row)
    .onConflict((conflicting) => conflicting.column('payment_key').doNothing()),
);

/** Without `on conflict` a neighbour's insert would fail the statement, and not be retried. */
async function isInserted(tx: Tx, payment: PaymentRow): Promise<boolean> {
  return (await insertPayment.run(tx, payment)) === 1n;
}

function taken(): AppError {
  return new AppError('SQL_CONTENTION', 'the key was taken now');
}

function operationRow(
  { kind, refundId, amount, actor }: Command,
  { claim, payment }: { claim: Claim; payment: PaymentRow },
): OperationRow {
  return {
    payment_key: payment.payment_key,
    operation_id: refundId ?? kind,
    kind,
    minor_units: amount?.minorUnits ?? payment.minor_units,
    state: 'pending',
    code: '',
    // Whoever finds it after a crash cannot know whether it was sent.
    next_call: 'query',
    sends: 1n,
    queries: 0n,
    due_at: claim.leaseUntil,
    actor,
    created_at: claim.now,
    ended_at: 0n,
  };
}

/** A Void that was refused may be asked again: the operation stays, and starts anew. */
async function insertOperation(tx: Tx, operation: OperationRow): Promise<void> {
  await beginOperation.run(tx, operation);
}

const beginOperation = statement<PaymentTables, OperationRow>()((db, operation) => {
  const { payment_key: _key, operation_id: _id, kind: _kind, ...anew } = operation;
  return db
    .insertInto('operations')
    .values(operation)
    .onConflict((conflicting) =>
      conflicting.columns(['payment_key', 'operation_id']).doUpdateSet(anew),
    );
});

/** The authorisation counts no more, whatever its answer will be; its Void goes out after it. */
async function supersede(tx: Tx, { paymentKey }: Command, { now }: Claim): Promise<void> {
  await tx
    .updateTable('operations')
    .set({ state: 'declined', code: 'voided', ended_at: now })
    .where('payment_key', '=', paymentKey)
    .where('operation_id', '=', 'authorise')
    .execute();
}

/** Inside the giving up of an authorisation: a Void by its reference, due at once. */
export async function insertCleanup(tx: Tx, payment: PaymentRow, now: bigint): Promise<void> {
  const claim = { now, leaseUntil: now, attemptId: '' };
  const command = { kind: 'void', tenant: payment.tenant, actor: 'payment' } as const;
  const operation = operationRow(
    { ...command, paymentKey: payment.payment_key },
    { claim, payment },
  );
  await insertOperation(tx, { ...operation, next_call: 'send', sends: 0n });
}
