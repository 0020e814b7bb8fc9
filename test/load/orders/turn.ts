import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { peakBytes, resetPeak } from '../footprint/process-figures.ts';
import type { Ground } from '../ground.ts';
import { cpuByStep } from './cpu-by-step.ts';
import type { OrderLoad, OrderLoadResult } from './order-load.ts';
import { ask, openShop, type Shop } from './shop.ts';

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));
const OVERTIME_MS_MAX = 60_000;
const STOCK = 100_000_000;
const STEADY_SHARE = 0.8;
const CLOCK_TICKS_PER_SECOND = 100;

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
    const orders = few.placed + many.placed + steady.placed;
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
  const before = [cpuSeconds(shop, 'shop'), cpuSeconds(shop, 'sandbox')] as const;
  const generator = ground.start({
    name: `generator-${pace.kind}`,
    program: process.execPath,
    args: [GENERATOR, JSON.stringify(load)],
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const ms = warmUpMs + measureMs + OVERTIME_MS_MAX;
    timer = setTimeout(() => reject(new Error('the generator came to no end')), ms);
  });
  try {
    const code = await Promise.race([generator.ended, late]);
    if (code !== 0) throw new Error(`the generator failed: ${generator.output()}`);
  } finally {
    clearTimeout(timer);
  }
  const result = JSON.parse(generator.output().trim().split('\n').at(-1)!) as OrderLoadResult;
  return {
    ...result,
    shopCpuSeconds: cpuSeconds(shop, 'shop') - before[0],
    sandboxCpuSeconds: cpuSeconds(shop, 'sandbox') - before[1],
  };
}

/** User and system time of all threads (proc_pid_stat(5)). */
function cpuSeconds(shop: Shop, name: string): number {
  const stat = readFileSync(`/proc/${shop.processes.get(name)!.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}
