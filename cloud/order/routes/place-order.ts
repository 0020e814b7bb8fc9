import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { IdempotentRequest, OnceAnswer } from '../../platform/http/idempotency.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { type Priced, priceOrder } from '../domain/pricing.ts';
import { FIRST_EPOCH } from '../store/leases.ts';
import { placeOrder } from '../store/place.ts';
import { authorisePlacing } from './access.ts';
import type { OrderRouteDeps } from './order-routes.ts';
import { orderJson, type PlaceBody } from './schemas.ts';

/**
 * Prices the order, then stores it, its events and its answer in one transaction; this process
 * holds its lease and begins its saga when the transaction is committed.
 */
export async function place(
  deps: OrderRouteDeps,
  request: IdempotentRequest,
  body: PlaceBody,
): Promise<OnceAnswer> {
  const { runtime, runner, idempotency, outbox, onEvents } = deps;
  const { principal } = request;
  if (runner.room() === 0) {
    throw new AppError('UNAVAILABLE', 'too many orders wait for their turn', { retry: 'later' });
  }
  // A repeat gets the first answer, also when the catalogue says something else by now: what was
  // refused is thrown where only a first request comes.
  const prepared = await prepare(deps, principal, body).catch(refusalOf);
  const dueAt = runner.leaseUntil();
  const answer = await idempotency.once(request, async (tx) => {
    if (prepared instanceof AppError) throw prepared;
    const { order, decision } = prepared;
    const { shippingAddress: address } = body;
    const telling = { outbox, now: order.placedAt, actor: principal.subject };
    const { holder } = runner;
    await placeOrder(tx, { ...telling, order, address, decision, holder, dueAt });
    return {
      status: 202,
      headers: { location: `/v1/orders/${order.id}` },
      body: orderJson(order),
    };
  });
  runtime.steps.reach('order.placed.committed');
  if (!answer.replayed && !(prepared instanceof AppError)) {
    onEvents();
    runner.take({ order: prepared.order, holder: runner.holder, epoch: FIRST_EPOCH, attempts: 0 });
  }
  // Not stored, so that it can be erased: a repeat has the same one, or it is refused.
  return { ...answer, body: { ...answer.body, shippingAddress: body.shippingAddress } };
}

interface Prepared {
  readonly order: Order;
  readonly decision: HistoryEntry;
}

async function prepare(
  deps: OrderRouteDeps,
  principal: Principal,
  body: PlaceBody,
): Promise<Prepared> {
  const priced = await price(deps, principal, body);
  const decision = await authorisePlacing(deps, principal, priced.total);
  return { order: newOrder(deps.runtime, principal, { body, priced }), decision };
}

function refusalOf(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  throw cause;
}

async function price(
  { product, callTimeoutMs }: OrderRouteDeps,
  { tenant, subject }: Principal,
  { lines, currency, shippingAddress }: PlaceBody,
): Promise<Priced> {
  const { products } = await product.getProducts(
    { ids: lines.map(({ productId }) => productId) },
    { scope: { tenant, actor: subject }, timeoutMs: callTimeoutMs },
  );
  const { country } = shippingAddress;
  const outcome = priceOrder(lines, products, { currency, country });
  if (outcome.kind === 'priced') return outcome.priced;
  const { fields } = outcome;
  const named = fields.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  throw new AppError('REQUEST_INVALID', named, { fields });
}

function newOrder(
  { clock, random, tracing }: Runtime,
  { tenant, subject }: Principal,
  { body, priced }: { readonly body: PlaceBody; readonly priced: Priced },
): Order {
  const id = (prefix: string): string => prefixedId(prefix, clock.now(), random.bytes(10));
  const now = clock.nowMicros();
  return {
    id: id('ord'),
    tenant,
    customer: subject,
    state: 'placed',
    version: 1n,
    currency: body.currency,
    ...priced,
    country: body.shippingAddress.country,
    sites: [],
    reservationId: id('rsv'),
    paymentKey: id('pay'),
    methodToken: body.payment.methodToken,
    shipmentId: null,
    refundId: null,
    undo: [],
    ending: null,
    reason: null,
    placedAt: now,
    stateSince: now,
    traceparent: tracing.current(),
  };
}
