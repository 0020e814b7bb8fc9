import type { EventType } from '@holdfast/shared/contracts/events.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Transaction } from 'kysely';
import type { Outbox, OutboxEvent } from '../../platform/outbox/outbox.ts';
import { auditEvent } from '../../platform/outbox/record-audit.ts';
import { entriesOf, type Posting } from '../domain/ledger.ts';
import { nextStep, type Report } from '../domain/resolution.ts';
import { type Settlement, settle } from '../domain/settlement.ts';
import { insertCleanup } from './begin.ts';
import { type ClaimedCall, type OperationRow, type PaymentRow, paymentOf } from './calls.ts';
import { attemptsOf, type PaymentView, viewOf } from './payments.ts';
import type { PaymentTables } from './tables.ts';

type Tx = Transaction<PaymentTables>;

/** What a call brought: the acquirer's word, or none. */
export type CallOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'declined'; readonly code: string }
  | { readonly kind: 'open'; readonly report: Report; readonly detail: string };

export interface Outcome {
  readonly claimed: ClaimedCall;
  readonly outcome: CallOutcome;
  readonly now: bigint;
  readonly outbox: Outbox;
}

export type Stored =
  /** The acquirer's word counted, and this is the payment now. */
  | { readonly kind: 'ended'; readonly view: PaymentView }
  | { readonly kind: 'waiting'; readonly dueAt: bigint }
  /** Another's word counted before, or another goes on with it. */
  | { readonly kind: 'passed' };

/**
 * Stores what a call brought. The acquirer's word counts once, whoever brings it; anything else
 * only moves the operation on while the lease is ours.
 */
export function storeOutcome(sql: Sql<PaymentTables>, stored: Outcome): Promise<Stored> {
  const { claimed, outcome } = stored;
  return sql.transaction(async (tx) => {
    const { payment_key: key } = claimed.operation;
    if (outcome.kind !== 'open') {
      const [operation, payment, attempts] = await Promise.all([
        takeWord(tx, stored, outcome),
        paymentOf(tx, key),
        endAttempt(tx, stored).then(() => attemptsOf(tx, key)),
      ]);
      if (!operation || !payment) return { kind: 'passed' };
      const after = await applyWord(tx, stored, { operation, payment, outcome });
      return { kind: 'ended', view: viewOf(after, attempts) };
    }
    const [operation, payment] = await Promise.all([
      pendingOperation(tx, claimed.operation),
      paymentOf(tx, key),
      endAttempt(tx, stored),
    ]);
    if (!operation || !payment || operation.due_at !== claimed.leaseUntil) {
      return { kind: 'passed' };
    }
    return moveOn(tx, stored, { operation, payment, report: outcome.report });
  });
}

async function endAttempt(tx: Tx, { claimed, outcome, now }: Outcome): Promise<void> {
  const shown = outcome.kind === 'open' ? outcome.report.outcome : outcome.kind;
  const detail =
    outcome.kind === 'open' ? outcome.detail : outcome.kind === 'declined' ? outcome.code : '';
  await updateAttempt.run(tx, {
    ...{ attemptId: claimed.attemptId, outcome: shown, detail, ended_at: now },
  });
}

type AttemptEnd = Pick<PaymentTables['attempts'], 'outcome' | 'detail' | 'ended_at'>;

const updateAttempt = statement<PaymentTables, AttemptEnd & { readonly attemptId: string }>()(
  (db, { attemptId, ...end }) =>
    db.updateTable('attempts').set(end).where('attempt_id', '=', attemptId),
);

/** Ends the operation as the acquirer said, unless it was ended before. */
async function takeWord(
  tx: Tx,
  { claimed, now }: Outcome,
  outcome: Applying['outcome'],
): Promise<OperationRow | undefined> {
  const { payment_key: key, operation_id: id } = claimed.operation;
  const code = outcome.kind === 'declined' ? outcome.code : '';
  const [ended] = await endOperation.all(tx, {
    ...{ key, id, state: outcome.kind, code, ended_at: now },
  });
  return ended;
}

type OperationEnd = Pick<OperationRow, 'state' | 'code' | 'ended_at'>;

const endOperation = statement<
  PaymentTables,
  OperationEnd & { readonly key: string; readonly id: string }
>()((db, { key, id, ...end }) =>
  db
    .updateTable('operations')
    .set(end)
    .where('payment_key', '=', key)
    .where('operation_id', '=', id)
    .where('state', '=', 'pending')
    .returningAll(),
);

function pendingOperation(tx: Tx, claimed: OperationRow): Promise<OperationRow | undefined> {
  return tx
    .selectFrom('operations')
    .selectAll()
    .where('payment_key', '=', claimed.payment_key)
    .where('operation_id', '=', claimed.operation_id)
    .where('state', '=', 'pending')
    .executeTakeFirst();
}

interface Applying {
  readonly operation: OperationRow;
  readonly payment: PaymentRow;
  readonly outcome: Exclude<CallOutcome, { kind: 'open' }>;
}

/** What the word of an operation that has just ended does to the payment; the payment after it. */
async function applyWord(tx: Tx, stored: Outcome, applying: Applying): Promise<PaymentRow> {
  const { operation, payment, outcome } = applying;
  const { kind } = operation;
  const code = outcome.kind === 'declined' ? outcome.code : '';
  const isHeld = kind === 'void' && (await isAuthorised(tx, payment.payment_key));
  const settlement = settle({ kind, word: outcome.kind, state: payment.state, isHeld });
  const [after] = await Promise.all([
    changePayment(tx, applying, { settlement, code }),
    settlement.posting && post(tx, settlement.posting, { ...applying, now: stored.now }),
    tell(tx, stored, { ...applying, settlement, code }),
  ]);
  return after;
}

async function isAuthorised(tx: Tx, paymentKey: string): Promise<boolean> {
  const row = await tx
    .selectFrom('operations')
    .select('state')
    .where('payment_key', '=', paymentKey)
    .where('operation_id', '=', 'authorise')
    .executeTakeFirst();
  return row?.state === 'done';
}

async function changePayment(
  tx: Tx,
  { operation, payment, outcome }: Applying,
  { settlement, code }: { settlement: Settlement; code: string },
): Promise<PaymentRow> {
  const { minor_units: amount, kind } = operation;
  const refund =
    kind !== 'refund'
      ? {}
      : outcome.kind === 'done'
        ? { refunded: payment.refunded + amount }
        : { refund_reserved: payment.refund_reserved - amount };
  const declined = settlement.event === 'declined' ? { decline_code: code } : {};
  const after: PaymentRow = { ...payment, state: settlement.state, ...refund, ...declined };
  const { payment_key: key, state, decline_code, refund_reserved, refunded } = after;
  await updatePayment.run(tx, { key, state, decline_code, refund_reserved, refunded });
  return after;
}

const updatePayment = statement<
  PaymentTables,
  Pick<PaymentRow, 'state' | 'decline_code' | 'refund_reserved' | 'refunded'> & {
    readonly key: string;
  }
>()((db, { key, ...changed }) =>
  db.updateTable('payments').set(changed).where('payment_key', '=', key),
);

async function post(
  tx: Tx,
  posting: Posting,
  { operation, payment, now }: Pick<Applying, 'operation' | 'payment'> & { now: bigint },
): Promise<void> {
  const amount = { currency: payment.currency, minorUnits: operation.minor_units };
  const rows = entriesOf(posting, amount).map((entry) => ({
    transaction_id: `${payment.payment_key}/${operation.operation_id}`,
    account: entry.account,
    payment_key: payment.payment_key,
    tenant: payment.tenant,
    currency: entry.currency,
    minor_units: entry.minorUnits,
    at: now,
  }));
  await insertEntries.run(tx, { rows });
}

const insertEntries = statement<
  PaymentTables,
  { readonly rows: readonly PaymentTables['ledger_entries'][] }
>()((db, { rows }) => db.insertInto('ledger_entries').values(rows));

interface Telling extends Pick<Applying, 'operation' | 'payment'> {
  readonly settlement: Settlement;
  readonly code: string;
}

/** The event for the others and the audit row, in the transaction of the change. */
async function tell(tx: Tx, { outbox }: Outcome, telling: Telling): Promise<void> {
  const { operation, payment, settlement } = telling;
  if (!settlement.event) return;
  const { currency, order_id: orderId, payment_key: paymentKey, tenant } = payment;
  const minorUnits = Number(operation.minor_units);
  const { actor, operation_id: operationId } = operation;
  const audit = auditEvent(tenant, {
    action: `payment.${settlement.event}`,
    outcome: 'done',
    actor,
    resource: { kind: 'payment', id: paymentKey },
    detail: { orderId, currency, minorUnits, operationId },
  });
  // A decline moves money only when it takes a hold back.
  const isMoved = settlement.event !== 'declined' || settlement.posting !== undefined;
  await outbox.enqueueAll(tx, [eventOf(telling, settlement.event), ...(isMoved ? [audit] : [])]);
}

function eventOf(
  { operation, payment, code }: Telling,
  event: NonNullable<Settlement['event']>,
): OutboxEvent<EventType> {
  const { currency, order_id: orderId, payment_key: paymentKey, tenant } = payment;
  const amount = { currency, minorUnits: Number(operation.minor_units) };
  const { actor, operation_id: refundId } = operation;
  const about = { subject: paymentKey, tenant, actor, correlationId: orderId };
  const data = { paymentKey, orderId, amount };
  if (event === 'declined') {
    return { ...about, type: 'payment.declined.v1', data: { ...data, declineCode: code } };
  }
  if (event === 'refunded') {
    return { ...about, type: 'payment.refunded.v1', data: { ...data, refundId } };
  }
  return { ...about, type: `payment.${event}.v1`, data };
}

interface MovingOn extends Pick<Applying, 'operation' | 'payment'> {
  readonly report: Report;
}

async function moveOn(tx: Tx, stored: Outcome, { report, ...rest }: MovingOn): Promise<Stored> {
  const { operation, payment } = rest;
  const { kind } = operation;
  const tries = { kind, sends: Number(operation.sends), queries: Number(operation.queries) };
  const next = nextStep(tries, report);
  if (next.step === 'abandon') {
    const outcome = { kind: 'declined', code: 'unresolved' } as const;
    await takeWord(tx, stored, outcome);
    await applyWord(tx, stored, { ...rest, outcome });
    await insertCleanup(tx, payment, stored.now);
    return { kind: 'waiting', dueAt: stored.now };
  }
  const dueAt = stored.now + BigInt(next.delayMs) * 1000n;
  await tx
    .updateTable('operations')
    .set({ next_call: next.step, due_at: dueAt })
    .where('payment_key', '=', operation.payment_key)
    .where('operation_id', '=', operation.operation_id)
    .execute();
  return { kind: 'waiting', dueAt };
}
