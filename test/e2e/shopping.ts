import { randomUUID } from 'node:crypto';
import { ask, type Shop } from '../load/orders/shop.ts';

export const SITE = 'site-1';
/** A busy machine takes long over a first order: each process loads what it needs by then. */
export const CONFIRMED_TIMEOUT_MS = 60_000;

const ADDRESS = {
  name: 'A. Customer',
  street: 'Marktplatz 1',
  city: 'Musterstadt',
  postalCode: '12345',
  country: 'DE',
};

/** What is for sale: in the catalogue, and on the shelf. */
export interface Ware {
  readonly productId: string;
  readonly item: string;
}

/** A process of the shop by its name, and who asks. */
export interface Caller {
  readonly url: string;
  readonly token: string;
}

/** Adds a product, and receives `count` of it. */
export async function stockUp(
  { catalogue, stock }: { readonly catalogue: Caller; readonly stock: Caller },
  count: number,
): Promise<Ware> {
  const item = `ware-${randomUUID()}`;
  const prices = [{ currency: 'EUR', minorUnits: 249 }];
  const product = { item, name: item, description: '', taxClass: 'standard', prices };
  const { id } = await ask<{ id: string }>(`${catalogue.url}/v1/products`, {
    token: catalogue.token,
    body: { ...product, categories: [] },
  });
  const receive = { site: SITE, item, kind: 'receive', quantity: count };
  await ask(`${stock.url}/v1/stock/movements`, { token: stock.token, body: receive });
  return { productId: id, item };
}

export interface Wish {
  readonly quantity?: number;
  readonly methodToken?: string;
}

export function orderOf({ productId }: Ware, wish: Wish = {}): object {
  const { quantity = 1, methodToken = `tok_e2e_${randomUUID()}` } = wish;
  return {
    lines: [{ productId, quantity }],
    shippingAddress: ADDRESS,
    currency: 'EUR',
    payment: { methodToken },
  };
}

/** One POST /v1/orders, whatever is answered. */
export function postOrder(
  { url, token }: Caller,
  body: object,
  key: string = randomUUID(),
): Promise<Response> {
  return fetch(`${url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(body),
  });
}

/** The HTTP address of a process, for a person of the development. */
export async function callerOf(
  shop: Shop,
  process: string,
  username: Parameters<Shop['token']>[0],
): Promise<Caller> {
  return { url: shop.url(process), token: await shop.token(username) };
}
