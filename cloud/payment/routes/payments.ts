import { moneySchema } from '@holdfast/shared/contracts/money.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import type { PaymentView } from '../store/payments.ts';
import { paymentKeySchema } from './rpc.ts';

const time = z.iso.datetime();
const payment = z
  .object({
    paymentKey: z.string(),
    orderId: z.string(),
    state: z.string(),
    amount: moneySchema,
    refunded: moneySchema,
    declineCode: z.string(),
    createdAt: time,
    attempts: z.array(
      z.object({
        attemptId: z.string(),
        operation: z.string(),
        outcome: z.string(),
        detail: z.string(),
        startedAt: time,
        endedAt: z.union([time, z.null()]),
      }),
    ),
  })
  .meta({ id: 'Payment' });

const minorUnits = z.int();
const report = z
  .object({
    day: z.string(),
    isComplete: z.boolean(),
    isBalanced: z.boolean(),
    ledger: z.array(z.object({ currency: z.string(), account: z.string(), minorUnits })),
    bookedCount: z.int(),
    acquirerCount: z.int(),
    unattributedCount: z.int(),
    differences: z.array(
      z.object({
        paymentKey: z.string(),
        operationId: z.string(),
        kind: z.enum(['missing_in_books', 'missing_at_acquirer', 'amount_differs']),
        currency: z.string(),
        bookedMinorUnits: minorUnits,
        acquirerMinorUnits: minorUnits,
      }),
    ),
  })
  .meta({ id: 'Reconciliation' });
type Report = z.input<typeof report>;

export interface PaymentRoutes {
  readonly policy: Policy;
  readonly find: (of: { tenant: string; paymentKey: string }) => Promise<PaymentView>;
  readonly reconcile: (of: { tenant: string; day: string }) => Promise<Report>;
  readonly reportMsMax: number;
  /** Written before the denial is answered. */
  readonly audit: (denial: Denial) => Promise<void>;
}

export interface Denial {
  readonly principal: Principal;
  readonly paymentKey: string;
  readonly reasons: readonly string[];
  readonly revision: string;
}

const CALLERS = ['manager', 'administrator'] as const;

export function addPaymentRoutes(api: Api, routes: PaymentRoutes): void {
  // Before the path with a key, which it would match.
  addReconciliation(api, routes);
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/payments/{key}',
      tag: 'payment',
      summary: 'A payment with each call to the acquirer',
      caller: CALLERS,
      params: z.strictObject({ key: paymentKeySchema }),
      answers: { 200: { description: 'The payment', body: payment } },
    },
    async ({ c, principal, params }) => {
      const view = await routes.find({ tenant: principal.tenant, paymentKey: params.key });
      await authorise(routes, principal, view);
      return c.json(jsonOf(view));
    },
  );
}

function addReconciliation(api: Api, routes: PaymentRoutes): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/payments/reconciliation',
      tag: 'payment',
      summary: "The books of a day against the acquirer's",
      description: 'Differences are looked up one by one, so that a clock at midnight makes none.',
      caller: CALLERS,
      query: z.strictObject({ day: z.iso.date() }),
      answers: { 200: { description: 'The report', body: report } },
      timeoutMs: routes.reportMsMax,
    },
    async ({ c, principal, query }) =>
      c.json(await routes.reconcile({ tenant: principal.tenant, day: query.day })),
  );
}

/** A payment is a person's: who may read it is the policy's word. */
async function authorise(
  { policy, audit }: PaymentRoutes,
  principal: Principal,
  { payment: { tenant, actor, payment_key: paymentKey } }: PaymentView,
): Promise<void> {
  const resource = { tenant, person: actor };
  const { allowed, reasons, revision } = policy.decide(principal, {
    action: 'person.read',
    resource,
  });
  if (allowed) return;
  await audit({ principal, paymentKey, reasons, revision });
  throw new AppError('FORBIDDEN', reasons.join('; '));
}

function jsonOf({ payment: row, attempts }: PaymentView): z.input<typeof payment> {
  const { currency } = row;
  return {
    paymentKey: row.payment_key,
    orderId: row.order_id,
    state: row.state,
    amount: { currency, minorUnits: Number(row.minor_units) },
    refunded: { currency, minorUnits: Number(row.refunded) },
    declineCode: row.decline_code,
    createdAt: timeOf(row.created_at),
    attempts: attempts.map((attempt) => ({
      attemptId: attempt.attempt_id,
      operation: attempt.call,
      outcome: attempt.outcome,
      detail: attempt.detail,
      startedAt: timeOf(attempt.started_at),
      endedAt: attempt.ended_at === 0n ? null : timeOf(attempt.ended_at),
    })),
  };
}

function timeOf(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString();
}
