import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Acquirer } from '../platform/acquirer/acquirer.ts';
import type { Outbox } from '../platform/outbox/outbox.ts';
import { begin, type Command } from './store/begin.ts';
import type { ClaimedCall } from './store/calls.ts';
import { type CallOutcome, storeOutcome } from './store/outcome.ts';
import { findPayment, type PaymentView } from './store/payments.ts';
import type { PaymentTables } from './store/tables.ts';

export interface PaymentsDeps {
  readonly sql: Sql<PaymentTables>;
  readonly acquirer: Acquirer;
  readonly outbox: Outbox;
  readonly runtime: Runtime;
  readonly leaseMs: number;
  /** After a commit that wrote to the outbox. */
  readonly committed: () => void;
}

export interface Payments {
  /** Stores the intent, calls the acquirer, stores the outcome; then the payment as it is. */
  carryOut(command: Command): Promise<PaymentView>;
  find(of: { readonly tenant: string; readonly paymentKey: string }): Promise<PaymentView>;
  /** Makes a claimed call and stores what it brought; the payment, when that was its end. */
  run(claimed: ClaimedCall): Promise<PaymentView | undefined>;
  /** Told when an operation waits for its next call. */
  onUnresolved(listener: (dueAt: bigint) => void): void;
}

export function createPayments(deps: PaymentsDeps): Payments {
  const { sql, runtime, outbox, leaseMs } = deps;
  const { clock, steps } = runtime;
  let unresolved: (dueAt: bigint) => void = () => {};
  // Who asks for the same while it is under way in this process waits for the same answer.
  const running = new Map<string, Promise<PaymentView | undefined>>();

  const run = async (claimed: ClaimedCall): Promise<PaymentView | undefined> => {
    steps.reach('payment.intent.stored');
    const outcome = await callAcquirer(deps, claimed);
    steps.reach('payment.answered');
    const stored = await storeOutcome(sql, { claimed, outcome, now: clock.nowMicros(), outbox });
    steps.reach('payment.outcome.stored');
    deps.committed();
    if (stored.kind === 'waiting') unresolved(stored.dueAt);
    return stored.kind === 'ended' ? stored.view : undefined;
  };
  const find: Payments['find'] = async (of) => {
    const view = await findPayment(sql, of);
    if (!view) throw new AppError('NOT_FOUND', `there is no payment ${of.paymentKey}`);
    return view;
  };
  const carryOut: Payments['carryOut'] = async (command) => {
    const begun = await begin(sql, command, { runtime, leaseMs });
    const name = `${command.paymentKey}/${command.refundId ?? command.kind}`;
    if (begun.kind === 'started') {
      const work = run(begun.call);
      running.set(name, work);
      try {
        const view = await work;
        if (view) return view;
      } finally {
        running.delete(name);
      }
    } else {
      await running.get(name);
    }
    return find(command);
  };
  return {
    carryOut,
    find,
    run,
    onUnresolved(listener) {
      unresolved = listener;
    },
  };
}

async function callAcquirer(
  { acquirer, runtime }: PaymentsDeps,
  { call, operation, payment }: ClaimedCall,
): Promise<CallOutcome> {
  const ref = { reference: operation.payment_key, operationId: operation.operation_id };
  const name = call === 'send' ? operation.kind : 'query';
  const attributes = { 'payment.key': ref.reference, 'payment.operation': ref.operationId };
  return runtime.tracing.span(`acquirer.${name}`, { kind: 'client', attributes }, async () => {
    if (call === 'query') {
      const finding = await acquirer.ask(ref);
      if (finding.kind === 'done' || finding.kind === 'declined') return finding;
      const detail = finding.kind === 'unknown' ? finding.detail : '';
      return { kind: 'open', report: { call, outcome: finding.kind }, detail };
    }
    const outcome = await acquirer.send({
      ...ref,
      kind: operation.kind,
      orderId: payment.order_id,
      currency: payment.currency,
      minorUnits: operation.minor_units,
      token: payment.token,
    });
    if (outcome.kind === 'done' || outcome.kind === 'declined') return outcome;
    return { kind: 'open', report: { call, outcome: outcome.kind }, detail: outcome.detail };
  });
}
