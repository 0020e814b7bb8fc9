import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { eventually } from '../../e2e/eventually.ts';
import { ask, openShop, type Shop, type ShopPlan } from '../../load/orders/shop.ts';
import {
  allOrders,
  type Books,
  faultsOf,
  faultsOfLedger,
  faultsOfStory,
  isAtRest,
  levelOf,
} from './books.ts';

const STOCK = 30;
const SETTLE_MS_MAX = 180_000;
const SAMPLE_MS = 50;
/** One order in so many. */
const DECLINED_EVERY = 20;
const HANGING_EVERY = 50;
const CANCELLED_EVERY = 10;
/** Tokens last ten minutes. */
const TOKEN_MS = 300_000;
const TOLD_MS = 5_000;
/** When too many orders wait for their turn, as the answer asks for. */
const COME_AGAIN_MS = 1_000;
const ALL = ['auth', 'product', 'inventory', 'payment', 'order'];

export interface RaceOptions {
  readonly attempts: number;
  readonly clients: number;
  readonly seed: number;
  /** Two processes of each target on it; without it one process on SQLite. */
  readonly postgresUrl?: string | undefined;
  /** A bug that must be found: a piece comes in that nobody counted. */
  readonly plant?: 'stock-appears' | undefined;
  readonly progress: (text: string) => void;
}

export interface RaceReport {
  readonly placed: number;
  readonly orders: number;
  readonly atRest: number;
  readonly samples: number;
  /** Answers that asked a client to come again. */
  readonly refused: number;
  readonly doubleCharges: number;
  readonly findings: readonly string[];
}

/** Many want what there are thirty of, while some cannot pay, some hang, and some cancel. */
export async function raceForThirty(options: RaceOptions): Promise<RaceReport> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-race-'));
  const { postgresUrl } = options;
  const plan: ShopPlan = {
    a: ALL,
    ...(postgresUrl !== undefined && { b: ALL }),
    sandbox: ['payment-sandbox'],
  };
  const shop = await openShop({
    dir,
    plan,
    ...(postgresUrl !== undefined && { postgresUrl }),
    // Holds run out while the acquirer hangs, and the order gives up before.
    env: { HOLDFAST_ORDER_HOLD_SECONDS: '4', HOLDFAST_ORDER_CONFIRM_SECONDS: '3' },
  });
  try {
    return await race(shop, options);
  } finally {
    await shop.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Race {
  readonly shop: Shop;
  readonly options: RaceOptions;
  readonly urls: readonly string[];
  readonly item: string;
  readonly productId: string;
  readonly findings: string[];
  books: Books;
  placed: number;
  samples: number;
  refused: number;
}

async function race(shop: Shop, options: RaceOptions): Promise<RaceReport> {
  const run = await prepare(shop, options);
  const { findings } = run;
  const done = new AbortController();
  const watching = Promise.all([
    sampling(run, done.signal),
    renewing(run, done.signal),
    telling(run, done.signal),
  ]);
  const random = seededRandom(options.seed);
  let left = options.attempts;
  const client = async (): Promise<void> => {
    while (left-- > 0) await attempt(run, random.int(1_000_000));
  };
  await Promise.all(Array.from({ length: options.clients }, client));
  await settle(run);
  await sellOut(run);
  done.abort();
  await watching;
  const orders = await allOrders(run.books);
  const confirmed = orders.filter(({ state }) => state === 'confirmed');
  if (confirmed.length !== STOCK) findings.push(`${confirmed.length} orders are confirmed`);
  const level = await levelOf(run.books, run.item);
  if (level.sold !== STOCK) findings.push(`${level.sold} are sold`);
  const before = findings.length;
  for (const { id } of confirmed) findings.push(...(await faultsOfStory(run.books, id)));
  findings.push(...(await faultsOfLedger(run.books)));
  return {
    placed: run.placed,
    orders: orders.length,
    atRest: orders.filter(isAtRest).length,
    samples: run.samples,
    refused: run.refused,
    doubleCharges: findings.length - before,
    findings: [...new Set(findings)],
  };
}

async function prepare(shop: Shop, options: RaceOptions): Promise<Race> {
  const urls = [...shop.processes.keys()].filter((name) => name !== 'sandbox').map(shop.url);
  const url = urls[0]!;
  const [customer, manager] = [await shop.token('customer'), await shop.token('manager')];
  const books: Books = { url, stockUrl: url, paymentUrl: url, customer, manager };
  const { items } = await ask<{ items: { id: string; item: string }[] }>(`${url}/v1/products`, {
    token: customer,
  });
  const { id: productId, item } = items[0]!;
  const run: Race = {
    ...{ shop, options, urls, item, productId, books },
    ...{ findings: [], placed: 0, samples: 0, refused: 0 },
  };
  await receive(run, STOCK);
  return run;
}

async function receive({ books, item }: Race, quantity: number): Promise<void> {
  const body = { site: 'site-1', item, kind: 'receive', quantity };
  await ask(`${books.stockUrl}/v1/stock/movements`, { token: books.manager, body });
}

/** One client's try; now and then it cancels what it placed. */
async function attempt(run: Race, drawn: number): Promise<void> {
  const { urls, productId, books, options } = run;
  const url = urls[drawn % urls.length]!;
  const methodToken =
    drawn % DECLINED_EVERY === 0
      ? 'tok_decline_1'
      : drawn % HANGING_EVERY === 1
        ? 'tok_timeout_1'
        : 'tok_visa';
  if (options.plant && run.placed === Math.floor(options.attempts / 2)) await receive(run, 1);
  const body = {
    lines: [{ productId, quantity: 1 }],
    shippingAddress: {
      ...{ name: 'Ada Example', street: 'Main Street 1', city: 'Berlin' },
      ...{ postalCode: '10115', country: 'DE' },
    },
    currency: 'EUR',
    payment: { methodToken },
  };
  const id = await place(run, `${url}/v1/orders`, body);
  run.placed += 1;
  if (drawn % CANCELLED_EVERY !== 3) return;
  const path = `/v1/orders/${id}/cancel`;
  // What was declined meanwhile cannot be cancelled any more, which is an answer, too.
  await ask(`${urls.at(-1)}${path}`, { token: books.customer, body: {} }).catch(isConflict);
}

async function place(run: Race, url: string, body: object): Promise<string> {
  const key = randomUUID();
  const untilMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    try {
      const { id } = await ask<{ id: string }>(url, { token: run.books.customer, body, key });
      return id;
    } catch (cause) {
      if (!/answered 503/.test(String(cause)) || performance.now() > untilMs) throw cause;
    }
    run.refused += 1;
    await sleep(COME_AGAIN_MS);
  }
}

function isConflict(cause: unknown): void {
  if (!/answered 40[39]/.test(String(cause))) throw cause;
}

/** Cancels leave pieces: they are sold, too. */
async function sellOut(run: Race): Promise<void> {
  const end = performance.now() + SETTLE_MS_MAX;
  while (performance.now() < end) {
    const { free } = await levelOf(run.books, run.item);
    if (free === 0) return;
    for (let piece = 0; piece < free; piece++) await attempt(run, 7);
    await settle(run);
  }
}

async function settle(run: Race): Promise<void> {
  await eventually(
    'every order at rest (I9)',
    async () => {
      const open = (await allOrders(run.books)).filter((order) => !isAtRest(order));
      if (open.length > 0) throw new Error(`${open.length} are open, ${JSON.stringify(open[0])}`);
      const { reserved } = await levelOf(run.books, run.item);
      return reserved === 0;
    },
    SETTLE_MS_MAX,
  ).catch((cause: Error) => void run.findings.push(`${cause.message}: ${String(cause.cause)}`));
}

async function sampling(run: Race, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    run.findings.push(...faultsOf(await levelOf(run.books, run.item), STOCK));
    run.samples += 1;
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
}

async function renewing(run: Race, signal: AbortSignal): Promise<void> {
  let renewed = performance.now();
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    if (performance.now() - renewed < TOKEN_MS) continue;
    renewed = performance.now();
    const [customer, manager] = [await run.shop.token('customer'), await run.shop.token('manager')];
    run.books = { ...run.books, customer, manager };
  }
}

async function telling(run: Race, signal: AbortSignal): Promise<void> {
  const { attempts, progress } = run.options;
  // Rejects when it is told to stop, which the condition sees.
  const next = (): Promise<void> => sleep(TOLD_MS, undefined, { signal }).catch(() => undefined);
  for (await next(); !signal.aborted; await next()) {
    progress(`${run.placed}/${attempts} orders are placed, ${run.samples} samples`);
  }
}
