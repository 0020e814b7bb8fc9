import { randomInt, randomUUID } from 'node:crypto';
import type { ApiClient } from './client.ts';

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly prices: readonly { readonly currency: string }[];
}

/** Who lives nowhere: an address that belongs to nobody. */
const ADDRESS = {
  name: 'A. Customer',
  street: 'Marktplatz 1',
  city: 'Musterstadt',
  postalCode: '12345',
  country: 'DE',
};
const CURRENCY = 'EUR';
const LINES_MAX = 2;
const QUANTITY_MAX = 3;
/** One order in twelve is declined by the acquirer, as it happens. */
const DECLINED_EVERY = 12;

/** Places an order of what the catalogue offers. Returns what a person would like to know of it. */
export async function placeOrder(client: ApiClient, products: readonly Product[]): Promise<string> {
  const wanted = products.filter(({ prices }) => prices.some((p) => p.currency === CURRENCY));
  if (wanted.length === 0) return 'the catalogue has nothing to order';
  const first = randomInt(wanted.length);
  const count = 1 + randomInt(Math.min(LINES_MAX, wanted.length));
  const chosen = Array.from({ length: count }, (_, at) => wanted[(first + at) % wanted.length]!);
  const lines = chosen.map(({ id }) => ({ productId: id, quantity: 1 + randomInt(QUANTITY_MAX) }));
  const isDeclined = randomInt(DECLINED_EVERY) === 0;
  const methodToken = `tok_${isDeclined ? 'decline' : 'shop'}_${randomUUID()}`;
  const order = { lines, currency: CURRENCY, shippingAddress: ADDRESS, payment: { methodToken } };
  const { status, body } = await client.post('/v1/orders', order, randomUUID());
  if (status === 202) return `ordered ${body['id']}: ${chosen.map(({ name }) => name).join(', ')}`;
  return `not ordered: status ${status} ${body['detail'] ?? ''}`;
}

export async function listProducts(client: ApiClient): Promise<readonly Product[]> {
  const { status, body } = await client.get('/v1/products?limit=100');
  return status === 200 ? body['items']! : [];
}
