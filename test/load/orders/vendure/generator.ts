import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { endWith, GeneratorRecord, postJson } from '../generating.ts';
import { type Answer, failureOf, type Purchase, STEPS } from './checkout.ts';
import type { VendureLoad, VendureLoadResult } from './vendure-load.ts';

const AFTER_FAILURE_MS = 10;
/** For the orders that are on their way at the end; later ones are left. */
const TAIL_MS_MAX = 30_000;
const TOKEN = 'vendure-auth-token';

const load = JSON.parse(process.argv[2] ?? '') as VendureLoad;
const agent = new Agent({ keepAlive: true, maxSockets: load.inFlight });
let [confirmed, failed, ordersInAll] = [0, 0, 0];
let firstFailure: string | undefined;

const offer = await findOffer();
const measureFrom = performance.now() + load.warmUpMs;
const measureTo = measureFrom + load.measureMs;
const record = new GeneratorRecord();
const lanes = Array.from({ length: load.inFlight }, (_, index) => lane(index));
await Promise.race([Promise.all(lanes), pause(load.warmUpMs + load.measureMs + TAIL_MS_MAX)]);
const result: VendureLoadResult = {
  confirmed,
  failed,
  ...(firstFailure !== undefined && { firstFailure }),
  ordersInAll,
  seconds: load.measureMs / 1_000,
  ...record.figures(),
};
endWith(result);

/** A customer of its own: customers do not wait for each other's row. */
async function lane(index: number): Promise<void> {
  const purchase = { ...offer, emailAddress: `customer-${index}@shop.example` };
  while (performance.now() < measureTo) {
    const begin = performance.now();
    const failure = await order(purchase);
    const end = performance.now();
    if (failure === undefined) ordersInAll += 1;
    if (end >= measureFrom && end < measureTo) count(failure, end - begin);
    if (failure !== undefined) await pause(AFTER_FAILURE_MS);
  }
}

function count(failure: string | undefined, tookMs: number): void {
  if (failure === undefined) {
    confirmed += 1;
    record.confirmed(tookMs);
  } else {
    failed += 1;
    firstFailure ??= failure;
  }
}

/** From an empty cart to the payment; why it came to no end, if it did not. */
async function order(purchase: Purchase): Promise<string | undefined> {
  let token: string | undefined;
  for (const step of STEPS) {
    try {
      const { answer, token: given } = await call(step.body(purchase), token);
      token ??= given;
      const failure = failureOf(step, answer);
      if (failure !== undefined) return failure;
    } catch (cause) {
      return `${step.name}: ${(cause as Error).message}`;
    }
  }
  return undefined;
}

/** The ids of what there is; the first order's cart tells the ways to ship and to pay. */
async function findOffer(): Promise<Omit<Purchase, 'emailAddress'>> {
  const found = await ask<{
    products: { items: { variants: { id: string }[] }[] };
  }>('{ products(options: { take: 1 }) { items { variants { id } } } }');
  const variantId = found.data.products.items[0]!.variants[0]!.id;
  const nothing = { shippingMethodId: '', paymentMethod: '', emailAddress: '' };
  const cart = STEPS[0]!.body({ ...nothing, variantId });
  const { token } = await call(cart, undefined);
  const { data } = await ask<{
    eligibleShippingMethods: { id: string }[];
    eligiblePaymentMethods: { code: string }[];
  }>('{ eligibleShippingMethods { id } eligiblePaymentMethods { code } }', token);
  const shippingMethodId = data.eligibleShippingMethods[0]!.id;
  return { variantId, shippingMethodId, paymentMethod: data.eligiblePaymentMethods[0]!.code };
}

async function ask<T>(query: string, token?: string): Promise<{ data: T }> {
  const { answer } = await call(JSON.stringify({ query }), token);
  if (answer.errors !== undefined) throw new Error(`${query}: ${JSON.stringify(answer.errors)}`);
  return answer as unknown as { data: T };
}

async function call(
  body: string,
  token: string | undefined,
): Promise<{ answer: Answer; token: string | undefined }> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const { status, headers: given, text } = await postJson(load.url, { agent, headers, body });
  try {
    return { answer: JSON.parse(text) as Answer, token: given[TOKEN] as string | undefined };
  } catch (cause) {
    throw new Error(`answered ${status} without JSON`, { cause });
  }
}
