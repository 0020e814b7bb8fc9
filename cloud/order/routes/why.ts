import { ORDER_STATES } from '@holdfast/shared/contracts/events/order.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { parseTraceparent } from '@holdfast/shared/runtime/tracing.ts';
import { z } from 'zod';
import type { Order } from '../domain/order.ts';
import { type AcquirerAttempt, type StoryEntry, storyOf } from '../domain/story.ts';
import { historyOf } from '../store/orders.ts';
import type { OrderRouteDeps } from './order-routes.ts';
import { orderJson, orderSchema, time } from './schemas.ts';

const at = { at: z.string() };

const entrySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('decision'),
    ...at,
    action: z.string(),
    actor: z.string(),
    allowed: z.boolean(),
    reasons: z.array(z.string()),
    revision: z.string().meta({ description: 'Of the policy bundle that decided.' }),
  }),
  z.strictObject({
    kind: z.literal('call'),
    ...at,
    call: z.string(),
    id: z.string().meta({ description: 'The reservation, the payment key or the refund.' }),
    outcome: z.string(),
    reason: z.string().optional(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
  }),
  z.strictObject({
    kind: z.literal('attempt'),
    ...at,
    id: z.string(),
    operation: z.string(),
    outcome: z.string().meta({ description: '`under_way` until it has ended.' }),
    endedAt: z.iso.datetime().meta({ description: 'Its beginning, until it has ended.' }),
    detail: z.string(),
  }),
  z.strictObject({
    kind: z.literal('transition'),
    ...at,
    fact: z.string(),
    from: z.enum(ORDER_STATES),
    to: z.enum(ORDER_STATES),
    reason: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('event'), ...at, type: z.string(), sequence: z.int() }),
  z.strictObject({
    kind: z.literal('audit'),
    ...at,
    action: z.string(),
    outcome: z.enum(['done', 'denied']),
    actor: z.string(),
  }),
]);

export const whySchema = z
  .strictObject({
    order: orderSchema,
    traceId: z.string().nullable(),
    reservation: z.strictObject({ id: z.string(), sites: z.array(z.string()) }),
    payment: z.strictObject({
      key: z.string(),
      state: z.enum(['known', 'none', 'unavailable']).meta({
        description: 'Whether payment could be asked; without it its attempts are missing.',
      }),
    }),
    story: z.array(entrySchema).meta({ description: 'In causal order.' }),
  })
  .meta({ id: 'OrderStory' });

/** Everything that made the order what it is. */
export async function explain(
  deps: OrderRouteDeps,
  principal: Principal,
  order: Order,
): Promise<z.input<typeof whySchema>> {
  const [rows, paid] = await Promise.all([
    historyOf(deps.sql, order.id),
    attemptsOf(deps, principal, order),
  ]);
  return {
    order: orderJson(order),
    traceId: parseTraceparent(order.traceparent)?.traceId ?? null,
    reservation: { id: order.reservationId, sites: [...order.sites] },
    payment: { key: order.paymentKey, state: paid.state },
    story: storyOf(rows, paid.attempts).map(entryJson),
  };
}

interface Paid {
  readonly state: 'known' | 'none' | 'unavailable';
  readonly attempts: readonly AcquirerAttempt[];
}

/** A payment service that is away must not hide the rest of the story. */
async function attemptsOf(
  { payment, callTimeoutMs }: OrderRouteDeps,
  { tenant, subject }: Principal,
  { paymentKey }: Order,
): Promise<Paid> {
  try {
    const scope = { tenant, actor: subject };
    const options = { scope, timeoutMs: callTimeoutMs };
    const answer = await payment.getPayment({ paymentKey }, options);
    const attempts = (answer.payment?.attempts ?? []).map((attempt) => ({
      id: attempt.attemptId,
      operation: attempt.operation,
      outcome: attempt.outcome,
      startedAt: attempt.startedAtMicros,
      endedAt: attempt.endedAtMicros,
      detail: attempt.detail,
    }));
    return { state: answer.payment ? 'known' : 'none', attempts };
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    return { state: cause.code === 'NOT_FOUND' ? 'none' : 'unavailable', attempts: [] };
  }
}

function entryJson(entry: StoryEntry): z.input<typeof entrySchema> {
  switch (entry.kind) {
    case 'attempt': {
      const { startedAt, endedAt, outcome, ...rest } = entry;
      const isUnderWay = endedAt === 0n;
      const end = isUnderWay
        ? { outcome: 'under_way', endedAt: time(startedAt) }
        : { outcome, endedAt: time(endedAt) };
      return { ...rest, at: time(entry.at), ...end };
    }
    case 'call': {
      const { startedAt, endedAt, ...rest } = entry;
      const times = { startedAt: ofMs(startedAt), endedAt: ofMs(endedAt) };
      return { ...rest, at: time(entry.at), ...times };
    }
    case 'decision':
      return { ...entry, at: time(entry.at), reasons: [...entry.reasons] };
    default:
      return { ...entry, at: time(entry.at) };
  }
}

function ofMs(ms: number): string {
  return time(BigInt(Math.round(ms)) * 1000n);
}
