import { randomUUID } from 'node:crypto';
import { ask } from '../load/orders/shop.ts';
import { eventually } from './eventually.ts';
import type { House } from './house.ts';
import { connectMqtt } from './mqtt-client.ts';
import { CONFIRMED_TIMEOUT_MS, orderOf, postOrder, SITE, stockUp, type Ware } from './shopping.ts';

/** The smallest PNG: one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAC' +
    'hwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const DEVICE = 'oven-1';

export interface Owners {
  /** May everything in the tenant. */
  readonly boss: string;
  readonly customer: string;
}

/** One of each thing that has a path of its own, all in one tenant. */
export interface OwnThings {
  readonly ware: Ware;
  readonly orderId: string;
  readonly reservationId: string;
  readonly paymentKey: string;
  /** Values of a path's parameters, by the path as it is in the OpenAPI document. */
  paramsOf(path: string): Readonly<Record<string, string>> | undefined;
}

export async function makeOwnThings(house: House, owners: Owners): Promise<OwnThings> {
  const { cloudUrl: url } = house;
  const boss = { url, token: owners.boss };
  const post = <T>(path: string, body: object) => ask<T>(url + path, { ...boss, body });
  const ware = await stockUp({ catalogue: boss, stock: boss }, 1);
  await addImage(`${url}/v1/products/${ware.productId}`, owners.boss);
  const placed = await postOrder({ url, token: owners.customer }, orderOf(ware));
  const { id: orderId } = (await placed.json()) as { id: string };
  const isConfirmed = async (): Promise<boolean> => {
    const { state } = await ask<{ state: string }>(`${url}/v1/orders/${orderId}`, boss);
    return state === 'confirmed';
  };
  await eventually('the order to be confirmed', isConfirmed, CONFIRMED_TIMEOUT_MS);
  const { customer } = await ask<{ customer: string }>(`${url}/v1/orders/${orderId}`, boss);
  const { reservationId, paymentKey } = await partsOf(`${url}/v1/orders/${orderId}/why`, owners);
  // It leaves although it is promised.
  await post('/v1/stock/movements', { site: SITE, item: ware.item, kind: 'sale', quantity: 1 });
  const discrepancies = await ask<{ items: { id: string }[] }>(
    `${url}/v1/stock/discrepancies`,
    boss,
  );
  const user = await post<{ id: string }>('/v1/users', {
    username: `clerk-${randomUUID()}`,
    password: `${randomUUID()}`,
    roles: ['operator'],
    sites: [SITE],
  });
  const client = await post<{ id: string }>('/v1/auth/clients', { name: 'ERP', sites: [SITE] });
  const params = new Map<string, Record<string, string>>([
    ['/v1/orders/{id}', { id: orderId }],
    ['/v1/customers/{id}', { id: customer }],
    ['/v1/payments/{key}', { key: paymentKey }],
    ['/v1/products/{id}', { id: ware.productId, name: 'front.png' }],
    ['/v1/stock/discrepancies/{id}', { id: discrepancies.items[0]!.id }],
    ['/v1/stock/{site}', { site: SITE, item: ware.item }],
    ['/v1/users/{id}', { id: user.id }],
    ['/v1/auth/clients/{id}', { id: client.id }],
    ['/v1/gateways/{id}', { id: await ownGateway(house) }],
    ['/v1/devices/{id}', { id: DEVICE }],
  ]);
  const paramsOf = (path: string) =>
    [...params].find(([start]) => path === start || path.startsWith(`${start}/`))?.[1];
  return { ware, orderId, reservationId, paymentKey, paramsOf };
}

async function addImage(product: string, token: string): Promise<void> {
  const authorization = `Bearer ${token}`;
  const seen = await fetch(product, { headers: { authorization } });
  const answer = await fetch(`${product}/images/front.png`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'image/png', 'if-match': seen.headers.get('etag')! },
    body: PIXEL,
  });
  if (!answer.ok) throw new Error(`no image: ${answer.status} ${await answer.text()}`);
}

/** The ids that order drew for its peers: its story names them. */
async function partsOf(why: string, { boss }: Owners) {
  const text = JSON.stringify(await ask<object>(why, { token: boss }));
  const [reservationId] = /rsv_[0-9a-f-]{36}/.exec(text) ?? [];
  const [paymentKey] = /pay_[0-9a-f-]{36}/.exec(text) ?? [];
  if (!reservationId || !paymentKey) throw new Error(`the story names no ids: ${text}`);
  return { reservationId, paymentKey };
}

/** The gateway of the house, once a message of its device is there. */
async function ownGateway(house: House): Promise<string> {
  const device = await connectMqtt(house);
  await device.publishAsync(`devices/${DEVICE}/telemetry/temperature`, '21.5', { qos: 1 });
  await device.endAsync();
  await eventually('the device', async () => (await house.get(`/v1/devices/${DEVICE}/latest`)).ok);
  const { items } = await house.json<{ items: { id: string }[] }>('/v1/gateways');
  return items[0]!.id;
}
