import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openShop, type Shop, type ShopPlan } from '../load/orders/shop.ts';
import { eventually } from './eventually.ts';
import { LiveOrders } from './live-orders.ts';
import {
  type Caller,
  CONFIRMED_TIMEOUT_MS,
  callerOf,
  orderOf,
  postOrder,
  SITE,
  stockUp,
  type Ware,
} from './shopping.ts';

const POSTGRES = process.env['HOLDFAST_TEST_POSTGRES_URL'];
const SHOP = ['order', 'inventory', 'payment'];
const PLAN: ShopPlan = {
  front: ['auth', 'product', 'audit', 'payment-sandbox'],
  east: SHOP,
  west: SHOP,
};
const CLIENTS = 16;
const ORDERS = 200;
/** Fewer than are ordered, so that the last ones race for it. */
const STOCK = 150;
const DECLINED_EVERY = 20;
const ALL_ENDED_TIMEOUT_MS = 150_000;
const TEST_TIMEOUT_MS = 2 * ALL_ENDED_TIMEOUT_MS;

let dir: string;
let shop: Shop;
let doors: readonly Caller[];
let operator: Caller;
let ware: Ware;

beforeAll(async () => {
  if (!POSTGRES) return;
  dir = mkdtempSync(join(tmpdir(), 'holdfast-two-shops-'));
  const env = { HOLDFAST_EVENT_LOG_LEASE_MS: '1500' };
  shop = await openShop({ dir, plan: PLAN, postgresUrl: POSTGRES, env });
  doors = [await callerOf(shop, 'east', 'customer'), await callerOf(shop, 'west', 'customer')];
  operator = await callerOf(shop, 'west', 'operator');
  ware = await stockUp(
    { catalogue: await callerOf(shop, 'front', 'admin'), stock: operator },
    STOCK,
  );
});
afterAll(async () => {
  await shop?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

interface Placed {
  readonly id: string;
  readonly state: string;
}

async function placedBy(answer: Response): Promise<string> {
  expect(answer.status).toBe(202);
  return ((await answer.json()) as Placed).id;
}

/** The state in which an order has come to rest, as a watcher was shown it. */
function endOf(live: LiveOrders, id: string): string | undefined {
  const last = live.shown(id).at(-1);
  return last && /^order\.(confirmed|declined)\.v1$/.exec(last)?.[1];
}

test('two processes of each sell what there is, once', { timeout: TEST_TIMEOUT_MS }, async ({
  skip,
}) => {
  if (!POSTGRES) return skip('HOLDFAST_TEST_POSTGRES_URL is not set');
  const watchers = await Promise.all(doors.map((door) => LiveOrders.watch(door)));
  const ids: string[] = [];
  let ordered = 0;
  const client = async (at: number): Promise<void> => {
    while (ordered < ORDERS) {
      const nr = ordered++;
      const word = nr % DECLINED_EVERY === 0 ? 'decline' : 'shop';
      const order = orderOf(ware, { methodToken: `tok_${word}_${randomUUID()}` });
      ids.push(await placedBy(await postOrder(doors[(at + nr) % doors.length]!, order)));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)));
  expect(new Set(ids).size).toBe(ORDERS);

  for (const live of watchers) {
    await eventually(
      'the end of every order on each WebSocket',
      () => ids.every((id) => endOf(live, id) !== undefined),
      ALL_ENDED_TIMEOUT_MS,
    );
  }
  const [east, west] = watchers.map((live) => ids.map((id) => endOf(live, id)));
  expect(east).toEqual(west);
  const sold = east!.filter((state) => state === 'confirmed').length;
  const level = await ask<object>(`${operator.url}/v1/stock/${SITE}/${ware.item}`, operator);
  expect(level).toMatchObject({ onHand: STOCK, reserved: 0, sold, free: STOCK - sold });
  expect(sold).toBeGreaterThan(0);
  for (const live of watchers) live.close();
});

test('the books of both are balanced, and those of the acquirer say the same', async ({ skip }) => {
  if (!POSTGRES) return skip('HOLDFAST_TEST_POSTGRES_URL is not set');
  const manager = await callerOf(shop, 'east', 'manager');
  const day = new Date().toISOString().slice(0, 10);
  const report = await ask<object>(`${manager.url}/v1/payments/reconciliation?day=${day}`, manager);
  expect(report).toMatchObject({ isComplete: true, isBalanced: true, differences: [] });
});

test('one key at both doors at once is one order, then its answer again', async ({ skip }) => {
  if (!POSTGRES) return skip('HOLDFAST_TEST_POSTGRES_URL is not set');
  const key = randomUUID();
  const order = orderOf(ware);
  const both = await Promise.all([...doors, ...doors].map((door) => postOrder(door, order, key)));
  const codes = await Promise.all(both.map((answer) => answer.json()));
  const placed = codes.filter((_, at) => both[at]!.status === 202) as Placed[];
  expect(new Set(placed.map(({ id }) => id)).size).toBe(1);
  for (const [at, answer] of both.entries()) {
    if (answer.status === 202) continue;
    expect([answer.status, codes[at]]).toMatchObject([409, { code: 'IDEMPOTENCY_IN_FLIGHT' }]);
  }
  for (const door of doors) {
    const later = await postOrder(door, order, key);
    expect(later.headers.get('idempotent-replayed')).toBe('true');
    expect(await placedBy(later)).toBe(placed[0]!.id);
    const other = await postOrder(door, orderOf(ware, { quantity: 2 }), key);
    expect([other.status, await other.json()]).toMatchObject([
      422,
      { code: 'IDEMPOTENCY_KEY_REUSED' },
    ]);
  }
});

test('who watches a process that ends goes on at the other one', async ({ skip }) => {
  if (!POSTGRES) return skip('HOLDFAST_TEST_POSTGRES_URL is not set');
  const [east, west] = doors as [Caller, Caller];
  const live = await LiveOrders.watch(west);
  await shop.processes.get('west')!.stop();
  const { resumeToken } = await live.frame('closing');
  await expect.poll(() => live.closed).toEqual({ code: 1001, reason: resumeToken });
  const id = await placedBy(await postOrder(east, orderOf(ware)));
  const again = await LiveOrders.watch(east, resumeToken);
  await eventually('what came since', () => endOf(again, id), CONFIRMED_TIMEOUT_MS);
  again.close();
});
