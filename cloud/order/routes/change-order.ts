import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Transaction } from 'kysely';
import type { IdempotentRequest, OnceAnswer } from '../../platform/http/idempotency.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { isTransition, transition } from '../domain/order-states.ts';
import { type AskedChange, askChange } from '../store/asked-change.ts';
import type { HeldOrder } from '../store/leases.ts';
import { findOrder } from '../store/orders.ts';
import type { OrderTables } from '../store/tables.ts';
import { authorise } from './access.ts';
import type { OrderRouteDeps } from './order-routes.ts';
import { orderJson } from './schemas.ts';

/**
 * Cancelling twice is cancelling once: an order that is cancelled, or about to be, is answered as
 * it is.
 */
export async function cancel(
  deps: OrderRouteDeps,
  principal: Principal,
  id: string,
): Promise<Order> {
  const order = await existing(deps, id);
  await authorise(deps, principal, { action: 'order.read', order });
  if (order.ending === 'cancelled') return order;
  // What its state does not allow is no question of who asks.
  const cell = transition(order.state, 'cancel-asked');
  if (!isTransition(cell)) throw new AppError('STATE_CONFLICT', cell);
  const decision = await authorise(deps, principal, { action: 'order.cancel', order });
  const asked = askedBy(deps, principal, { fact: 'cancel-asked', decision });
  const held = await deps.sql.transaction((tx) => askChange(tx, id, asked));
  goOn(deps, held);
  return held.order;
}

/** `POST …/shipments`: the goods are picked and the money is captured. */
export function ship(
  deps: OrderRouteDeps,
  request: IdempotentRequest,
  id: string,
): Promise<OnceAnswer> {
  const shipmentId = newId(deps, 'shp');
  return change(deps, request, {
    id,
    action: 'order.ship',
    asked: { fact: 'ship-asked', shipmentId },
    body: (order) => ({ shipmentId, order: orderJson(order) }),
  });
}

/** `POST …/refunds`: everything that was paid goes back. */
export function refund(
  deps: OrderRouteDeps,
  request: IdempotentRequest,
  { id, reason }: { readonly id: string; readonly reason: string },
): Promise<OnceAnswer> {
  const refundId = newId(deps, 'rfd');
  return change(deps, request, {
    id,
    action: 'order.refund',
    asked: { fact: 'refund-asked', refundId, reason },
    body: (order) => ({ refundId, order: orderJson(order) }),
  });
}

interface Creating {
  readonly id: string;
  readonly action: 'order.ship' | 'order.refund';
  readonly asked: Asking;
  readonly body: (order: Order) => object;
}

async function change(
  deps: OrderRouteDeps,
  request: IdempotentRequest,
  { id, action, asked, body }: Creating,
): Promise<OnceAnswer> {
  const order = await existing(deps, id);
  const decision = await authorise(deps, request.principal, { action, order });
  const change = askedBy(deps, request.principal, { ...asked, decision });
  let held: HeldOrder | undefined;
  const answer = await deps.idempotency.once(request, async (tx: Transaction<OrderTables>) => {
    held = await askChange(tx, id, change);
    return {
      status: 202,
      headers: { location: `/v1/orders/${id}` },
      body: body(held.order),
    };
  });
  if (held && !answer.replayed) goOn(deps, held);
  return answer;
}

export async function existing({ sql }: OrderRouteDeps, id: string): Promise<Order> {
  const order = await findOrder(sql, id);
  if (order) return order;
  throw new AppError('NOT_FOUND', 'there is no such order');
}

interface Asking {
  readonly fact: 'cancel-asked' | 'ship-asked' | 'refund-asked';
  readonly reason?: string;
  readonly shipmentId?: string;
  readonly refundId?: string;
}

function askedBy(
  { runtime, outbox, runner }: OrderRouteDeps,
  { subject }: Principal,
  { fact, decision, ...asking }: Asking & { readonly decision: HistoryEntry },
): AskedChange {
  const now = runtime.clock.nowMicros();
  const reason = asking.reason ?? (fact === 'cancel-asked' ? 'cancelled on request' : null);
  return {
    outbox,
    now,
    actor: subject,
    fact,
    detail: { now, ...asking, reason },
    decision,
    audit: (order) => ({
      action: ACTIONS[fact],
      outcome: 'done',
      resource: { kind: 'order', id: order.id },
      ...(decision.kind === 'decision' && { policyRevision: decision.revision }),
      ...(reason && { reasons: [reason] }),
      detail: { state: order.state, currency: order.currency, minorUnits: order.total },
    }),
    holder: runner.holder,
    leaseUntil: runner.leaseUntil(),
  };
}

const ACTIONS = {
  'cancel-asked': 'order.cancel',
  'ship-asked': 'order.ship',
  'refund-asked': 'order.refund',
} as const;

function goOn({ runtime, runner, onEvents }: OrderRouteDeps, held: HeldOrder): void {
  runtime.steps.reach('order.asked.committed');
  onEvents();
  runner.take(held);
}

function newId({ runtime }: OrderRouteDeps, prefix: string): string {
  return prefixedId(prefix, runtime.clock.now(), runtime.random.bytes(10));
}
