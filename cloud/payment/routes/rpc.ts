import type { PaymentServiceService } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import {
  type Payment,
  PaymentState,
} from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { looksLikeCardNumber } from '@holdfast/shared/lib/card-number.ts';
import { invalidRequest } from '@holdfast/shared/runtime/http.ts';
import { z } from 'zod';
import type { PeerHandlers } from '../../platform/peer/peer.ts';
import type { PaymentState as State } from '../domain/payment.ts';
import type { Command } from '../store/begin.ts';
import type { PaymentView } from '../store/payments.ts';

const AMOUNT_MAX = 1_000_000_000_000n;

export const paymentKeySchema = z.string().regex(/^pay_[A-Za-z0-9-]{1,90}$/);
const amountSchema = z.object({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR'),
  minorUnits: z.bigint().min(1n).max(AMOUNT_MAX),
});
const authoriseSchema = z.object({
  paymentKey: paymentKeySchema,
  orderId: z.string().min(1).max(100),
  amount: amountSchema,
  methodToken: z
    .string()
    .refine((token) => !looksLikeCardNumber(token), 'No card data: send the token of the acquirer')
    .regex(/^tok_[A-Za-z0-9_-]{1,120}$/, 'must be a token of the acquirer, tok_…'),
});
const keySchema = z.object({ paymentKey: paymentKeySchema });
const refundSchema = z.object({
  paymentKey: paymentKeySchema,
  refundId: z.string().regex(/^rfd_[A-Za-z0-9-]{1,90}$/),
  amount: amountSchema,
});

export interface RpcPayments {
  carryOut(command: Command): Promise<PaymentView>;
  find(of: { readonly tenant: string; readonly paymentKey: string }): Promise<PaymentView>;
}

/** The calls of `proto/grpc/holdfast/payment/v1/payment.proto`. */
export function paymentHandlers(payments: RpcPayments): PeerHandlers<typeof PaymentServiceService> {
  return {
    async authorise(request, { scope }) {
      const { paymentKey, orderId, amount, methodToken } = parse(authoriseSchema, request);
      const order = { orderId, token: methodToken };
      const view = await payments.carryOut({
        kind: 'authorise',
        paymentKey,
        order,
        amount,
        ...scope,
      });
      return { payment: messageOf(view) };
    },
    async capture(request, { scope }) {
      const { paymentKey } = parse(keySchema, request);
      return {
        payment: messageOf(await payments.carryOut({ kind: 'capture', paymentKey, ...scope })),
      };
    },
    async void(request, { scope }) {
      const { paymentKey } = parse(keySchema, request);
      return {
        payment: messageOf(await payments.carryOut({ kind: 'void', paymentKey, ...scope })),
      };
    },
    async refund(request, { scope }) {
      const { paymentKey, refundId, amount } = parse(refundSchema, request);
      const view = await payments.carryOut({
        kind: 'refund',
        paymentKey,
        refundId,
        amount,
        ...scope,
      });
      return { payment: messageOf(view) };
    },
    async getPayment(request, { scope }) {
      const { paymentKey } = parse(keySchema, request);
      return { payment: messageOf(await payments.find({ tenant: scope.tenant, paymentKey })) };
    },
  };
}

function parse<S extends z.ZodType>(schema: S, request: unknown): z.output<S> {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error);
}

const STATES: Readonly<Record<State, PaymentState>> = {
  authorising: PaymentState.PAYMENT_STATE_PENDING,
  authorised: PaymentState.PAYMENT_STATE_AUTHORISED,
  declined: PaymentState.PAYMENT_STATE_DECLINED,
  capturing: PaymentState.PAYMENT_STATE_PENDING,
  captured: PaymentState.PAYMENT_STATE_CAPTURED,
  voiding: PaymentState.PAYMENT_STATE_PENDING,
  voided: PaymentState.PAYMENT_STATE_VOIDED,
};

function stateOf({ payment, isRefunding }: PaymentView): PaymentState {
  if (isRefunding) return PaymentState.PAYMENT_STATE_PENDING;
  const isAllBack = payment.refunded > 0n && payment.refunded === payment.minor_units;
  return isAllBack ? PaymentState.PAYMENT_STATE_REFUNDED : STATES[payment.state];
}

function messageOf(view: PaymentView): Payment {
  const { payment, attempts } = view;
  const { currency } = payment;
  return {
    paymentKey: payment.payment_key,
    orderId: payment.order_id,
    state: stateOf(view),
    amount: { currency, minorUnits: payment.minor_units },
    refunded: { currency, minorUnits: payment.refunded },
    declineCode: payment.decline_code,
    attempts: attempts.map((attempt) => ({
      attemptId: attempt.attempt_id,
      operation: attempt.call,
      outcome: attempt.outcome,
      startedAtMicros: attempt.started_at,
      endedAtMicros: attempt.ended_at,
      detail: attempt.detail,
    })),
  };
}
