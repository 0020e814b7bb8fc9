import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { peakBytes, resetPeak } from '../footprint/process-figures.ts';
import type { Ground } from '../ground.ts';
import { cpuByStep } from './cpu-by-step.ts';
import type { OrderLoad, OrderLoadResult } from './order-load.ts';
import { cpuSeconds, runGenerator } from './run-generator.ts';
import { ask, openShop, type Shop } from './shop.ts';

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));
const STOCK = 100_000_000;
const STEADY_SHARE = 0.8;

export interface OrdersSettings {
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly inFlight: number;
  readonly manyInFlight: number;
}

/** What one database came to. */
export interface OrdersTurn {
  readonly few: LoadFigures;
  readonly many: LoadFigures;
  readonly steady: LoadFigures;
  readonly ratePerSecond: number;
  readonly peakBytes: number;
  /** Milliseconds of CPU per order while many were in flight, by step. */
  readonly cpuMsByStep: ReadonlyMap<string, number>;
}

export interface LoadFigures extends OrderLoadResult {
  /** CPU seconds of the processes beside the generator. */
  readonly shopCpuSeconds: number;
  readonly sandboxCpuSeconds: number;
}

/** The shop in one process, the sandbox and the generator in their own. */
export async function takeTurn(
  ground: Ground,
  settings: OrdersSettings,
  postgresUrl: string | undefined,
): Promise<OrdersTurn> {
  const name = postgresUrl === undefined ? 'sqlite' : 'postgres';
  const profiles = ground.path(`${name}-profiles`);
  mkdirSync(profiles);
  mkdirSync(ground.path(name));
  const shop = await openShop({
    dir: ground.path(name),
    plan: {
      shop: ['auth', 'product', 'inventory', 'payment', 'order'],
      sandbox: ['payment-sandbox'],
    },
    ...(postgresUrl !== undefined && { postgresUrl }),
    env: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles} --cpu-prof-interval=5000` },
  });
  try {
    const productId = await stockUp(shop);
    const run = (pace: OrderLoad['pace']): Promise<LoadFigures> =>
      measure(ground, shop, { settings, pace, productId });
    resetPeak(shop.processes.get('shop')!.pid!);
    const few = await run({ kind: 'window', inFlight: settings.inFlight });
    const many = await run({ kind: 'window', inFlight: settings.manyInFlight });
    const best = Math.max(few.confirmed, many.confirmed) / few.seconds;
    const ratePerSecond = Math.max(1, Math.floor(best * STEADY_SHARE));
    const steady = await run({ kind: 'rate', perSecond: ratePerSecond });
    const peak = peakBytes(shop.processes.get('shop')!.pid!);
    await shop.processes.get('shop')!.stop();
    const orders = few.ordersInAll + many.ordersInAll + steady.ordersInAll;
    const byStep = [...cpuByStep(profiles)].map(([step, ms]) => [step, ms / orders] as const);
    return { few, many, steady, ratePerSecond, peakBytes: peak, cpuMsByStep: new Map(byStep) };
  } finally {
    await shop.close();
  }
}

/** Enough of one product for everything that is ordered; its id. */
export async function stockUp(shop: Shop, quantity = STOCK): Promise<string> {
  const url = shop.url('shop');
  const token = await shop.token('manager');
  interface Page {
    readonly items: readonly { readonly id: string; readonly item: string }[];
  }
  const { items } = await ask<Page>(`${url}/v1/products`, { token });
  const { id, item } = items[0]!;
  const body = { site: 'site-1', item, kind: 'receive', quantity };
  await ask(`${url}/v1/stock/movements`, { token, body });
  return id;
}

async function measure(
  ground: Ground,
  shop: Shop,
  {
    settings,
    pace,
    productId,
  }: {
    readonly settings: OrdersSettings;
    readonly pace: OrderLoad['pace'];
    readonly productId: string;
  },
): Promise<LoadFigures> {
  const { warmUpMs, measureMs } = settings;
  const token = await shop.token('customer');
  const load: OrderLoad = { url: shop.url('shop'), token, productId, pace, warmUpMs, measureMs };
  const cpuOf = (name: string): number => cpuSeconds(shop.processes.get(name)!.pid!);
  const before = [cpuOf('shop'), cpuOf('sandbox')] as const;
  const result = await runGenerator<OrderLoadResult>(ground, {
    name: `generator-${pace.kind}`,
    entry: GENERATOR,
    load,
  });
  return {
    ...result,
    shopCpuSeconds: cpuOf('shop') - before[0],
    sandboxCpuSeconds: cpuOf('sandbox') - before[1],
  };
}
