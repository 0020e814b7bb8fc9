import { ORDER_STATES } from '@holdfast/shared/contracts/events/order.ts';
import { moneySchema } from '@holdfast/shared/contracts/money.ts';
import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import { z } from 'zod';
import { cursorParameter, limitParameter, pageSchema } from '../../platform/http/page.ts';
import { type Order, totalOf } from '../domain/order.ts';
import type { Address } from '../store/place.ts';

const ORDER_ID = /^ord_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LINES_MAX = 50;
const QUANTITY_MAX = 10_000;
const TEXT_CHARS_MAX = 200;

export const orderParams = z.strictObject({ id: z.string().regex(ORDER_ID) });

/** A database refuses U+0000, and nobody lives there. */
const text = z
  .string()
  .trim()
  .min(1)
  .max(TEXT_CHARS_MAX)
  .refine((value) => !value.includes('\0') && value.isWellFormed(), 'holds a forbidden character');

const addressSchema = z
  .strictObject({
    name: text,
    street: text,
    city: text,
    postalCode: text.max(20),
    country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 code such as DE'),
  })
  .meta({ id: 'Address' });

export const placeBody = z.strictObject({
  lines: z
    .array(
      z.strictObject({
        productId: z.string().min(1).max(64),
        quantity: z.int().min(1).max(QUANTITY_MAX),
      }),
    )
    .min(1)
    .max(LINES_MAX)
    .refine((lines) => new Set(lines.map((line) => line.productId)).size === lines.length, {
      message: 'names a product twice',
    }),
  shippingAddress: addressSchema,
  currency: moneySchema.shape.currency,
  payment: z.strictObject({
    methodToken: text.meta({
      description: "The acquirer's token of the means of payment, never a card's number.",
    }),
  }),
});
export type PlaceBody = z.output<typeof placeBody>;

/** No free text: events and audit rows hold nothing personal. */
export const refundBody = z.strictObject({
  reason: z.enum(['returned', 'damaged', 'not_delivered', 'goodwill', 'fraud']),
});

const orderShape = z.strictObject({
  id: z.string(),
  state: z.enum(ORDER_STATES),
  customer: z.string(),
  lines: z.array(
    z.strictObject({
      productId: z.string(),
      item: z.string(),
      name: z.string(),
      quantity: z.int(),
      unitPrice: moneySchema,
      taxClass: z.string(),
      taxBasisPoints: z.int(),
      net: z.int(),
      tax: z.int(),
      total: z.int(),
    }),
  ),
  net: moneySchema,
  tax: moneySchema,
  total: moneySchema,
  country: z.string(),
  sites: z.array(z.string()),
  shipmentId: z.string().nullable(),
  refundId: z.string().nullable(),
  reason: z.string().nullable().meta({ description: 'Why it ended, or is about to.' }),
  placedAt: z.iso.datetime(),
  stateSince: z.string(),
  version: z.int().meta({ description: 'Grows with each change; the entity tag.' }),
});

export const orderSchema = orderShape.meta({ id: 'Order' });
export const orderWithAddressSchema = orderShape
  .extend({ shippingAddress: z.union([addressSchema, z.null()]) })
  .meta({ id: 'OrderWithAddress' });
export const orderPageSchema = pageSchema(orderSchema);

export const listQuery = z.strictObject({
  limit: limitParameter(),
  cursor: cursorParameter(z.tuple([z.string().regex(ORDER_ID)])),
  state: z.enum(ORDER_STATES).optional(),
});

export function orderJson(order: Order): z.input<typeof orderSchema> {
  const { currency } = order;
  return {
    id: order.id,
    state: order.state,
    customer: order.customer,
    lines: order.lines.map(({ unitMinor, ...line }) => ({
      ...line,
      unitPrice: { currency, minorUnits: unitMinor },
    })),
    net: { currency, minorUnits: order.net },
    tax: { currency, minorUnits: order.tax },
    total: totalOf(order),
    country: order.country,
    sites: [...order.sites],
    shipmentId: order.shipmentId,
    refundId: order.refundId,
    reason: order.reason,
    placedAt: time(order.placedAt),
    stateSince: time(order.stateSince),
    version: Number(order.version),
  };
}

/** An address that was erased is null. */
export function orderWithAddressJson(
  order: Order,
  address: Address | undefined,
): z.input<typeof orderWithAddressSchema> {
  return { ...orderJson(order), shippingAddress: address ?? null };
}

export function time(micros: bigint): string {
  return rfc3339(Number(micros));
}
