import { z } from 'zod';
import { moneySchema } from '../money.ts';

/** Every state of an order; the last four are terminal (I9). */
export const ORDER_STATES = [
  'placed',
  'reserved',
  'authorised',
  'confirmed',
  'shipping',
  'cancelling',
  'refunding',
  'fulfilled',
  'declined',
  'cancelled',
  'refunded',
] as const;
export type OrderState = (typeof ORDER_STATES)[number];

const order = z.strictObject({
  orderId: z.string(),
  /** Whose order it is, by id only. */
  customer: z.string(),
  state: z.enum(ORDER_STATES),
  total: moneySchema,
  /** Where its goods lie, once they are reserved: the staff of these sites sees it. */
  sites: z.array(z.string()).optional(),
});

/** The subject is the order. */
export const ORDER_EVENTS = {
  'order.placed.v1': {
    topic: 'orders',
    data: order.extend({
      lines: z.array(
        z.strictObject({ productId: z.string(), item: z.string(), quantity: z.int().min(1) }),
      ),
    }),
  },
  'order.reserved.v1': {
    topic: 'orders',
    data: order.extend({ reservationId: z.string() }),
  },
  'order.authorised.v1': { topic: 'orders', data: order.extend({ paymentKey: z.string() }) },
  'order.confirmed.v1': { topic: 'orders', data: order },
  'order.declined.v1': { topic: 'orders', data: order.extend({ reason: z.string() }) },
  'order.cancelled.v1': { topic: 'orders', data: order.extend({ reason: z.string() }) },
  'order.shipped.v1': { topic: 'orders', data: order.extend({ shipmentId: z.string() }) },
  'order.fulfilled.v1': { topic: 'orders', data: order },
  'order.refunded.v1': { topic: 'orders', data: order.extend({ refundId: z.string() }) },
} as const;
