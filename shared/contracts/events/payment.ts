import { z } from 'zod';
import { moneySchema } from '../money.ts';

const payment = z.strictObject({
  paymentKey: z.string(),
  orderId: z.string(),
  amount: moneySchema,
});

/** The subject is the payment key. */
export const PAYMENT_EVENTS = {
  'payment.authorised.v1': { topic: 'payments', data: payment },
  'payment.declined.v1': {
    topic: 'payments',
    data: payment.extend({ declineCode: z.string() }),
  },
  'payment.captured.v1': { topic: 'payments', data: payment },
  'payment.voided.v1': { topic: 'payments', data: payment },
  'payment.refunded.v1': { topic: 'payments', data: payment.extend({ refundId: z.string() }) },
} as const;
