import type { PaymentServiceService } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import type { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { tagged, versionTag } from '../../platform/http/entity-tag.ts';
import { answerOnce, type Idempotency } from '../../platform/http/idempotency.ts';
import { pageOf, pageReply } from '../../platform/http/page.ts';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import type { PeerClient } from '../../platform/peer/peer.ts';
import type { HeldOrder } from '../store/leases.ts';
import { findOrderWithAddress, listOrders } from '../store/orders.ts';
import type { OrderTables } from '../store/tables.ts';
import { authorise, scopeOf } from './access.ts';
import { cancel, existing, refund, ship } from './change-order.ts';
import { addErasure } from './erase-customer.ts';
import { place } from './place-order.ts';
import {
  listQuery,
  orderJson,
  orderPageSchema,
  orderParams,
  orderSchema,
  orderWithAddressJson,
  orderWithAddressSchema,
  placeBody,
  refundBody,
} from './schemas.ts';
import { explain, whySchema } from './why.ts';

/** Who works on an order from the commit on, in this process. */
export interface OrderWorker {
  /** Names this process in its leases. */
  readonly holder: string;
  /** How many more it takes. */
  room(): number;
  leaseUntil(): bigint;
  take(held: HeldOrder): void;
}

export interface OrderRouteDeps {
  readonly sql: Sql<OrderTables>;
  readonly runtime: Runtime;
  readonly policy: Policy;
  readonly outbox: Outbox;
  readonly idempotency: Idempotency<OrderTables>;
  readonly runner: OrderWorker;
  readonly product: PeerClient<ProductServiceService>;
  readonly payment: PeerClient<PaymentServiceService>;
  readonly callTimeoutMs: number;
  /** A transaction with events was committed. */
  readonly onEvents: () => void;
}

const LOCATION = { location: 'The order.' };
const WORKERS = ['operator', 'manager', 'administrator', 'service'] as const;

export function addOrderRoutes(api: Api, deps: OrderRouteDeps): void {
  addPlacing(api, deps);
  addReading(api, deps);
  addWhy(api, deps);
  addChanges(api, deps);
  addErasure(api, deps);
}

function addPlacing(api: Api, deps: OrderRouteDeps): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/orders',
      tag: 'order',
      summary: 'Place an order',
      description: 'Answers when the order is kept. Stock and payment follow; watch its state.',
      caller: ['customer'],
      creates: true,
      body: placeBody,
      answers: {
        202: { description: 'Placed.', body: orderWithAddressSchema, headers: LOCATION },
      },
    },
    async ({ idempotency, body }) => answerOnce(await place(deps, idempotency, body)),
  );
}

function addReading(api: Api, deps: OrderRouteDeps): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/orders',
      tag: 'order',
      summary: "List orders: a customer's own, or those of the sites that one works at",
      caller: ROLES,
      query: listQuery,
      list: true,
      tagged: true,
      answers: { 200: { description: 'The newest first.', body: orderPageSchema } },
    },
    async ({ c, principal, query: { limit, cursor, state } }) => {
      const page = { state, after: cursor?.[0], limit: limit + 1 };
      const found = await listOrders(deps.sql, scopeOf(principal), page);
      const { items, next } = pageOf(found, limit, ({ id }) => [id]);
      return pageReply(c, { items: items.map(orderJson), next_cursor: next });
    },
  );
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/orders/{id}',
      tag: 'order',
      summary: 'Read an order',
      caller: ROLES,
      params: orderParams,
      tagged: true,
      answers: { 200: { description: 'The order.', body: orderWithAddressSchema } },
    },
    async ({ c, principal, params }) => {
      const found = await findOrderWithAddress(deps.sql, params.id);
      if (!found) throw new AppError('NOT_FOUND', 'there is no such order');
      const { order, address } = found;
      await authorise(deps, principal, { action: 'order.read', order });
      return tagged(c, orderWithAddressJson(order, address), { tag: versionTag(order.version) });
    },
  );
}

function addWhy(api: Api, deps: OrderRouteDeps): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/orders/{id}/why',
      tag: 'order',
      summary: 'Explain why an order is as it is',
      caller: ROLES,
      params: orderParams,
      tagged: true,
      answers: { 200: { description: 'Its story, in causal order.', body: whySchema } },
    },
    async ({ c, principal, params }) => {
      const order = await existing(deps, params.id);
      await authorise(deps, principal, { action: 'order.read', order });
      return tagged(c, await explain(deps, principal, order));
    },
  );
}

function addChanges(api: Api, deps: OrderRouteDeps): void {
  const change = {
    method: 'post',
    tag: 'order',
    params: orderParams,
    problems: ['STATE_CONFLICT'],
  } as const;
  addRoute(
    api,
    {
      ...change,
      path: '/v1/orders/{id}/cancel',
      summary: 'Cancel an order that is not shipped; again changes nothing',
      caller: ROLES,
      answers: { 202: { description: 'It is being undone.', body: orderSchema } },
    },
    async ({ c, principal, params }) => {
      const order = await cancel(deps, principal, params.id);
      return c.json(orderJson(order), 202, { etag: versionTag(order.version) });
    },
  );
  addRoute(
    api,
    {
      ...change,
      path: '/v1/orders/{id}/shipments',
      summary: 'Ship an order: pick its goods and capture its payment',
      caller: WORKERS,
      creates: true,
      answers: {
        202: { description: 'It is being shipped.', body: shipmentSchema, headers: LOCATION },
      },
    },
    async ({ params, idempotency }) => answerOnce(await ship(deps, idempotency, params.id)),
  );
  addRoute(
    api,
    {
      ...change,
      path: '/v1/orders/{id}/refunds',
      summary: 'Refund a fulfilled order in full',
      caller: WORKERS,
      creates: true,
      body: refundBody,
      answers: {
        202: { description: 'The money is on its way.', body: refundSchema, headers: LOCATION },
      },
    },
    async ({ params, idempotency, body }) =>
      answerOnce(await refund(deps, idempotency, { id: params.id, reason: body.reason })),
  );
}

const shipmentSchema = z
  .strictObject({ shipmentId: z.string(), order: orderSchema })
  .meta({ id: 'Shipment' });
const refundSchema = z
  .strictObject({ refundId: z.string(), order: orderSchema })
  .meta({ id: 'Refund' });
