import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient, type Person } from './shop/client.ts';
import { listProducts, placeOrder } from './shop/customer.ts';
import { shipConfirmed } from './shop/storekeeper.ts';

// A customer who orders and a storekeeper who ships, for `npm start`: plain clients of the API.
// HOLDFAST_SHOP_LOGINS is a JSON list of { username, password }.

const ORDER_PAUSE_MS = 5_000;
const SHIP_PAUSE_MS = 4_000;

const url = process.argv[2];
const logins: readonly Person[] = JSON.parse(process.env['HOLDFAST_SHOP_LOGINS'] ?? '[]');
const customer = logins.find(({ username }) => username === 'customer');
const operator = logins.find(({ username }) => username === 'operator');
if (!url || !customer || !operator) {
  process.stderr.write('usage: HOLDFAST_SHOP_LOGINS=… node infra/local/shop.ts URL\n');
  process.exit(1);
}

const say = (text: string): void => {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`);
};

async function forEver(pauseMs: number, work: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await work();
    } catch (error) {
      // A cloud that is away comes back; meanwhile this is what a person would see.
      say(`not now: ${error instanceof Error ? error.message : String(error)}`);
    }
    await sleep(pauseMs);
  }
}

const buying = new ApiClient(url, customer);
const shipping = new ApiClient(url, operator);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
await Promise.all([
  forEver(ORDER_PAUSE_MS, async () => say(await placeOrder(buying, await listProducts(buying)))),
  forEver(SHIP_PAUSE_MS, async () => {
    for (const id of await shipConfirmed(shipping)) say(`shipped ${id}`);
  }),
]);
