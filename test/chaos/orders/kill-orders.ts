import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { eventually } from '../../e2e/eventually.ts';
import { ask, openShop, type Shop } from '../../load/orders/shop.ts';
import { SENTENCE_VARIABLE } from '../kill/killing-steps.ts';
import {
  allOrders,
  type Books,
  faultsOfLedger,
  faultsOfStory,
  isAtRest,
  levelOf,
} from './books.ts';

const VICTIMS = ['order', 'inventory', 'payment', 'sandbox'] as const;
const ORDERS_PER_CYCLE = 8;
const STOCK = 1_000_000;
/** Small counts are as likely as large ones: what follows a start is delicate. */
const STEPS_MAX = 400;
const SETTLE_MS_MAX = 120_000;
const PLACE_MS_MAX = 60_000;
const TOKENS = [
  ...['visa', 'visa', 'visa', 'visa', 'decline_1', 'timeout_1', 'late_1', 'twice_1'],
  ...['malformed_1', 'drop_before_1', 'drop_after_1', 'error_1', 'retryable_1'],
].map((name) => `tok_${name}`);

export interface KillOrdersOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly progress: (text: string) => void;
}

export interface KillOrdersReport {
  readonly placed: number;
  readonly orders: number;
  readonly atRest: number;
  /** Where the victims died. */
  readonly died: readonly string[];
  readonly findings: readonly string[];
}

/** One process per target; one of them dies at a drawn step while orders are on their way. */
export async function killOrders(options: KillOrdersOptions): Promise<KillOrdersReport> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-orders-'));
  const shop = await openShop({
    dir,
    plan: {
      front: ['auth', 'product'],
      inventory: ['inventory'],
      payment: ['payment'],
      order: ['order'],
      sandbox: ['payment-sandbox'],
    },
    entry: 'test/chaos/orders/victim-target.ts',
    env: { HOLDFAST_ORDER_LEASE_MS: '3000', HOLDFAST_EVENT_LOG_LEASE_MS: '1500' },
  });
  try {
    return await kill(shop, dir, options);
  } finally {
    await shop.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Run {
  readonly shop: Shop;
  readonly dir: string;
  readonly random: Random;
  readonly products: readonly { readonly id: string; readonly item: string }[];
  readonly died: string[];
  books: Books;
  placed: number;
}

async function kill(
  shop: Shop,
  dir: string,
  options: KillOrdersOptions,
): Promise<KillOrdersReport> {
  const run = await prepare(shop, dir, options.seed);
  for (let cycle = 1; cycle <= options.cycles; cycle++) {
    run.books = await booksOf(shop);
    await killOnce(run, cycle);
    options.progress(`cycle ${cycle}/${options.cycles}: ${run.died.at(-1)}`);
  }
  const orders = await allOrders(run.books);
  const findings: string[] = [];
  const { item } = run.products[0]!;
  const level = await levelOf(run.books, item);
  const confirmed = orders.filter(({ state }) => state === 'confirmed').length;
  if (level.sold !== confirmed) findings.push(`${level.sold} are sold for ${confirmed} orders`);
  if (level.reserved !== 0) findings.push(`${level.reserved} are held for nobody`);
  for (const { id } of orders) findings.push(...(await faultsOfStory(run.books, id)));
  findings.push(...(await faultsOfLedger(run.books)));
  const atRest = orders.filter(isAtRest).length;
  return { placed: run.placed, orders: orders.length, atRest, died: run.died, findings };
}

async function prepare(shop: Shop, dir: string, seed: number): Promise<Run> {
  const books = await booksOf(shop);
  const { items } = await ask<{ items: { id: string; item: string }[] }>(
    `${shop.url('front')}/v1/products`,
    { token: books.customer },
  );
  const { item } = items[0]!;
  const body = { site: 'site-1', item, kind: 'receive', quantity: STOCK };
  await ask(`${books.stockUrl}/v1/stock/movements`, { token: books.manager, body });
  const random = seededRandom(seed);
  return { shop, dir, random, products: items, died: [], books, placed: 0 };
}

async function booksOf(shop: Shop): Promise<Books> {
  return {
    url: shop.url('order'),
    stockUrl: shop.url('inventory'),
    paymentUrl: shop.url('payment'),
    customer: await shop.token('customer'),
    manager: await shop.token('manager'),
  };
}

async function killOnce(run: Run, cycle: number): Promise<void> {
  const { shop, random, dir, died } = run;
  const victim = VICTIMS[random.int(VICTIMS.length)]!;
  const recordFile = join(dir, `died-${cycle}`);
  const afterSteps = Math.ceil(STEPS_MAX ** random.fraction());
  const process = shop.processes.get(victim)!;
  await process.stop();
  process.start({ [SENTENCE_VARIABLE]: JSON.stringify({ afterSteps, recordFile }) });
  const placing = Promise.all(Array.from({ length: ORDERS_PER_CYCLE }, () => place(run)));
  const dead = eventually('its end', () => existsSync(recordFile), PLACE_MS_MAX);
  // One that has so few steps to do that it lives is killed when its orders are placed.
  await Promise.race([dead, placing.then(() => atRest(run))]).catch(() => undefined);
  await process.kill();
  const step = existsSync(recordFile) ? readFileSync(recordFile, 'utf8') : 'between two steps';
  died.push(`${victim} at ${step}`);
  process.start();
  await shop.ready(victim);
  await placing;
  await atRest(run);
}

/** As a client does that was not answered: the same key again, until it is. */
async function place(run: Run): Promise<void> {
  const key = randomUUID();
  const methodToken = TOKENS[run.random.int(TOKENS.length)]!;
  const body = {
    lines: [{ productId: run.products[0]!.id, quantity: 1 }],
    shippingAddress: {
      ...{ name: 'Ada Example', street: 'Main Street 1', city: 'Berlin' },
      ...{ postalCode: '10115', country: 'DE' },
    },
    currency: 'EUR',
    payment: { methodToken },
  };
  const { books } = run;
  await eventually(
    'an order to be placed',
    () => ask(`${books.url}/v1/orders`, { token: books.customer, body, key }),
    PLACE_MS_MAX,
  );
  run.placed += 1;
}

function atRest(run: Run): Promise<boolean> {
  return eventually(
    'every order at rest (I9)',
    async () => {
      const open = (await allOrders(run.books)).filter((order) => !isAtRest(order));
      if (open.length === 0) return true;
      throw new Error(`${open.length} are open, among them ${JSON.stringify(open[0])}`);
    },
    SETTLE_MS_MAX,
  );
}
