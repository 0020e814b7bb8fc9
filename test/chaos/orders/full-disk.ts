import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import { ask, openShop, type Shop } from '../../load/orders/shop.ts';
import { mountRefusal, mountSmallVolume, type SmallVolume } from '../disk-full/small-volume.ts';
import {
  allOrders,
  type Books,
  faultsOf,
  faultsOfLedger,
  faultsOfStory,
  isAtRest,
  levelOf,
} from './books.ts';

const VOLUME_BYTES = 256 * 1024 * 1024;
/** Enough for some orders, so that the disk is full in the middle of others. */
const LEFT_BYTES = 6 * 1024 * 1024;
const STOCK = 1_000_000;
const CLIENTS = 8;
const FULL_MS = 3_000;
const REFUSED_PAUSE_MS = 50;
const WAIT_MS_MAX = 60_000;

export interface FullDiskReport {
  /** Orders that were answered 202. */
  readonly acknowledged: ReadonlySet<string>;
  /** Of these, when there was room again. */
  readonly afterwards: number;
  /** The details of the answers 503. */
  readonly refusals: ReadonlySet<string>;
  /** Why requests failed, by the shop's log, which lies on that disk too. */
  readonly reasons: ReadonlySet<string>;
  /** What `/readyz` said of the modules while the disk was full. */
  readonly degraded: readonly string[];
  readonly findings: readonly string[];
}

/** Why the disk of a shop cannot be filled here; undefined when it can. */
export function fullDiskRefusal(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
  try {
    return mountRefusal(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * Fills the one disk that everything of a shop lies on, its logs too, in the midst of orders, and
 * gives it room again: nothing is restarted.
 */
export async function fillDisk(): Promise<FullDiskReport> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
  const volume = mountSmallVolume(dir, VOLUME_BYTES);
  try {
    const shop = await openShop({
      dir,
      plan: {
        shop: ['auth', 'product', 'inventory', 'payment', 'order'],
        sandbox: ['payment-sandbox'],
      },
      // What could be neither stored nor put down waits for the end of its lease.
      env: { HOLDFAST_ORDER_LEASE_MS: '3000', HOLDFAST_PAYMENT_LEASE_MS: '3000' },
    });
    try {
      const report = await ordersAround(shop, volume);
      return { ...report, reasons: reasonsIn(join(dir, 'shop.log')) };
    } finally {
      await shop.close();
    }
  } finally {
    volume.remove();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function ordersAround(
  shop: Shop,
  volume: SmallVolume,
): Promise<Omit<FullDiskReport, 'reasons'>> {
  const url = shop.url('shop');
  const [customer, manager] = [await shop.token('customer'), await shop.token('manager')];
  const books: Books = { url, stockUrl: url, paymentUrl: url, customer, manager };
  const { items } = await ask<{ items: { id: string; item: string }[] }>(`${url}/v1/products`, {
    token: customer,
  });
  const { id: productId, item } = items[0]!;
  const receive = { site: 'site-1', item, kind: 'receive', quantity: STOCK };
  await ask(`${url}/v1/stock/movements`, { token: manager, body: receive });
  const clients = new Clients(books, productId);
  volume.fill(LEFT_BYTES);
  await eventually('the disk is full', () => clients.refusals.size > 0, WAIT_MS_MAX);
  volume.fill(0);
  await sleep(FULL_MS);
  const degraded = await degradedOf(url);
  volume.free();
  const before = clients.acknowledged.size;
  await eventually('orders go on', () => clients.acknowledged.size > before + 1, WAIT_MS_MAX);
  await clients.stop();
  const { acknowledged, refusals } = clients;
  const findings = await findingsOf(books, { item, acknowledged });
  return { acknowledged, afterwards: acknowledged.size - before, refusals, degraded, findings };
}

/** They order until they are stopped, and again after a while when they are refused. */
class Clients {
  readonly acknowledged = new Set<string>();
  readonly refusals = new Set<string>();
  readonly #ended: Promise<unknown>;
  #stopping = false;

  constructor({ url, customer: token }: Books, productId: string) {
    const body = {
      lines: [{ productId, quantity: 1 }],
      shippingAddress: {
        ...{ name: 'Ada Example', street: 'Main Street 1', city: 'Berlin' },
        ...{ postalCode: '10115', country: 'DE' },
      },
      currency: 'EUR',
      payment: { methodToken: 'tok_visa' },
    };
    const client = async (): Promise<void> => {
      while (!this.#stopping) {
        try {
          const { id } = await ask<{ id: string }>(`${url}/v1/orders`, { token, body });
          this.acknowledged.add(id);
        } catch (cause) {
          this.refusals.add(refusalIn(cause));
          await sleep(REFUSED_PAUSE_MS);
        }
      }
    };
    this.#ended = Promise.all(Array.from({ length: CLIENTS }, client));
    // Told by `stop`.
    this.#ended.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }
}

/** Any other answer, or none, is a finding by itself. */
function refusalIn(cause: unknown): string {
  const [, detail] = /answered 503: .*"detail":"([^"]*)"/.exec(String(cause)) ?? [];
  if (detail === undefined) throw cause;
  return detail;
}

function reasonsIn(logFile: string): Set<string> {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const failed = lines.filter((line) => line.includes('"msg":"a request failed"'));
  return new Set(failed.map((line) => JSON.parse(line).err.message as string));
}

async function degradedOf(url: string): Promise<string[]> {
  const answer = await fetch(`${url}/readyz`);
  const { modules } = (await answer.json()) as {
    modules: readonly { readonly name: string; readonly state: string }[];
  };
  return modules.filter(({ state }) => state === 'degraded').map(({ name }) => name);
}

async function findingsOf(
  books: Books,
  { item, acknowledged }: { item: string; acknowledged: ReadonlySet<string> },
): Promise<string[]> {
  const orders = await eventually(
    'every order at rest (I9)',
    async () => {
      const all = await allOrders(books);
      return all.every(isAtRest) && all;
    },
    WAIT_MS_MAX,
  );
  const known = new Set(orders.map(({ id }) => id));
  const lost = [...acknowledged].filter((id) => !known.has(id)).map((id) => `${id} is lost`);
  const confirmed = orders.filter(({ state }) => state === 'confirmed').length;
  const level = await levelOf(books, item);
  const sold =
    level.sold === confirmed ? [] : [`${confirmed} are confirmed, and ${level.sold} sold`];
  const stories: string[] = [];
  for (const { id } of orders) stories.push(...(await faultsOfStory(books, id)));
  return [
    ...lost,
    ...sold,
    ...faultsOf(level, STOCK),
    ...stories,
    ...(await faultsOfLedger(books)),
  ];
}
