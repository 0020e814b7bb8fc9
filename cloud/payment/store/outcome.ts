import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import { entriesOf, type Posting } from '../domain/ledger.ts';
import { nextStep, type Report } from '../domain/resolution.ts';
import { type Settlement, settle } from '../domain/settlement.ts';
import { insertCleanup } from './begin.ts';
import { type ClaimedCall, type OperationRow, type PaymentRow, paymentOf } from './calls.ts';
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

/** After it, what the operation waits for; undefined when nothing. */
export type Stored = { readonly dueAt: bigint } | undefined;

/**
 * Stores what a call brought. The acquirer's word counts once, whoever brings it; anything else
 * only moves the operation on while the lease is ours.
 */
export function storeOutcome(sql: Sql<PaymentTables>, stored: Outcome): Promise<Stored> {
  const { claimed, outcome } = stored;
  return sql.transaction(async (tx) => {
    await endAttempt(tx, stored);
    const operation = await pendingOperation(tx, claimed.operation);
    const payment = await paymentOf(tx, claimed.operation.payment_key);
    if (!operation || !payment) return undefined;
    if (outcome.kind !== 'open') {
      await applyWord(tx, stored, { operation, payment, outcome });
      return undefined;
    }
    if (operation.due_at !== claimed.leaseUntil) return undefined;
    return moveOn(tx, stored, { operation, payment, report: outcome.report });
  });
}

async function endAttempt(tx: Tx, { claimed, outcome, now }: Outcome): Promise<void> {
  const shown = outcome.kind === 'open' ? outcome.report.outcome : outcome.kind;
  const detail =
    outcome.kind === 'open' ? outcome.detail : outcome.kind === 'declined' ? outcome.code : '';
  await tx
    .updateTable('attempts')
    .set({ outcome: shown, detail, ended_at: now })
    .where('attempt_id', '=', claimed.attemptId)
    .execute();
}

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

async function applyWord(tx: Tx, stored: Outcome, applying: Applying): Promise<void> {
  const { operation, payment, outcome } = applying;
  const { kind } = operation;
  const code = outcome.kind === 'declined' ? outcome.code : '';
  const isHeld = kind === 'void' && (await isAuthorised(tx, payment.payment_key));
  const settlement = settle({ kind, word: outcome.kind, state: payment.state, isHeld });
  await tx
    .updateTable('operations')
    .set({ state: outcome.kind, code, ended_at: stored.now })
    .where('payment_key', '=', operation.payment_key)
    .where('operation_id', '=', operation.operation_id)
    .execute();
  await updatePayment(tx, applying, { settlement, code });
  if (settlement.posting) await post(tx, settlement.posting, { ...applying, now: stored.now });
  await tell(tx, stored, { ...applying, settlement, code });
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

async function updatePayment(
  tx: Tx,
  { operation, payment, outcome }: Applying,
  { settlement, code }: { settlement: Settlement; code: string },
): Promise<void> {
  const { minor_units: amount, kind } = operation;
  const refund =
    kind !== 'refund'
      ? {}
      : outcome.kind === 'done'
        ? { refunded: payment.refunded + amount }
        : { refund_reserved: payment.refund_reserved - amount };
  const declined = settlement.event === 'declined' ? { decline_code: code } : {};
  await tx
    .updateTable('payments')
    .set({ state: settlement.state, ...refund, ...declined })
    .where('payment_key', '=', payment.payment_key)
    .execute();
}

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
  await tx.insertInto('ledger_entries').values(rows).execute();
}

interface Telling extends Pick<Applying, 'operation' | 'payment'> {
  readonly settlement: Settlement;
  readonly code: string;
}

/** The event for the others and the audit row, in the transaction of the change. */
async function tell(tx: Tx, { outbox }: Outcome, telling: Telling): Promise<void> {
  const { operation, payment, settlement, code } = telling;
  if (!settlement.event) return;
  const { currency, order_id: orderId, payment_key: paymentKey, tenant } = payment;
  const minorUnits = Number(operation.minor_units);
  const data = { paymentKey, orderId, amount: { currency, minorUnits } };
  const about = { subject: paymentKey, tenant, actor: operation.actor, correlationId: orderId };
  if (settlement.event === 'declined') {
    const type = 'payment.declined.v1' as const;
    await outbox.enqueue(tx, { ...about, type, data: { ...data, declineCode: code } });
  } else if (settlement.event === 'refunded') {
    const type = 'payment.refunded.v1' as const;
    await outbox.enqueue(tx, {
      ...about,
      type,
      data: { ...data, refundId: operation.operation_id },
    });
  } else {
    await outbox.enqueue(tx, { ...about, type: `payment.${settlement.event}.v1`, data });
  }
  // A decline moves money only when it takes a hold back.
  if (settlement.event === 'declined' && !settlement.posting) return;
  await recordAudit(tx, {
    outbox,
    tenant,
    entry: {
      action: `payment.${settlement.event}`,
      outcome: 'done',
      actor: operation.actor,
      resource: { kind: 'payment', id: paymentKey },
      detail: { orderId, currency, minorUnits, operationId: operation.operation_id },
    },
  });
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
    await applyWord(tx, stored, { ...rest, outcome });
    await insertCleanup(tx, payment, stored.now);
    return { dueAt: stored.now };
  }
  const dueAt = stored.now + BigInt(next.delayMs) * 1000n;
  await tx
    .updateTable('operations')
    .set({ next_call: next.step, due_at: dueAt })
    .where('payment_key', '=', operation.payment_key)
    .where('operation_id', '=', operation.operation_id)
    .execute();
  return { dueAt };
}
