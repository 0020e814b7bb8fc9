import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  After,
  AfterAll,
  BeforeAll,
  Given,
  setDefaultTimeout,
  setWorldConstructor,
  Then,
  When,
} from '@cucumber/cucumber';
import { eventually } from '../../e2e/eventually.ts';
import { type PersonName, type Reply, Shop } from '../shop.ts';

const SITE = 'site-1';
const STEP_TIMEOUT_MS = 60_000;

const ADDRESS = {
  name: 'A. Customer',
  street: 'Marktplatz 1',
  city: 'Musterstadt',
  postalCode: '12345',
  country: 'DE',
};

let shop: Shop;
setDefaultTimeout(STEP_TIMEOUT_MS);
BeforeAll(async () => {
  shop = await Shop.open();
});
AfterAll(() => shop.close());

/** What one scenario knows. */
class Scene {
  readonly products = new Map<string, { readonly id: string; readonly item: string }>();
  readonly replies: Reply[] = [];
  methodToken = `tok_scene_${randomUUID()}`;
  key = randomUUID();
  orderId = '';

  get reply(): Reply {
    return this.replies.at(-1)!;
  }
}
setWorldConstructor(Scene);

After(function (this: Scene, { result }) {
  if (result?.status === 'FAILED')
    process.stderr.write(`${JSON.stringify(this.replies.at(-1)?.body)}\n`);
});

Given(
  'the shop sells {string} at {float} EUR',
  async function (this: Scene, name: string, price: number) {
    const item = `${name}-${randomUUID().slice(0, 8)}`;
    const prices = [{ currency: 'EUR', minorUnits: Math.round(price * 100) }];
    const product = { item, name, description: '', taxClass: 'standard', prices, categories: [] };
    const { status, body } = await shop.post('admin', '/v1/products', product);
    assert.equal(status, 201, JSON.stringify(body));
    this.products.set(name, { id: body.id, item });
  },
);

Given('{int} of {string} are in stock', async function (this: Scene, count: number, name: string) {
  const { item } = this.products.get(name)!;
  const receive = { site: SITE, item, kind: 'receive', quantity: count };
  const { status, body } = await shop.post('operator', '/v1/stock/movements', receive);
  assert.equal(status, 201, JSON.stringify(body));
});

Given("the customer's bank will decline", function (this: Scene) {
  this.methodToken = `tok_decline_${randomUUID()}`;
});

Given("the bank's answer will be lost after it charged", function (this: Scene) {
  this.methodToken = `tok_drop_after_${randomUUID()}`;
});

When(
  'the customer orders {int} of {string}',
  async function (this: Scene, count: number, name: string) {
    await place(this, { count, name });
    this.orderId = this.reply.body.id;
  },
);

When(
  'the customer orders {int} of {string}, and the answer is lost',
  async function (this: Scene, count: number, name: string) {
    await place(this, { count, name });
    // Nobody has seen the id: it is known from the next answer only.
  },
);

When('the customer sends the same order again', async function (this: Scene) {
  const { lines } = this.replies.at(-1)!.body;
  const [{ productId, quantity }] = lines;
  const [name] = [...this.products].find(([, { id }]) => id === productId)!;
  await place(this, { count: quantity, name });
  this.orderId = this.reply.body.id;
});

When(
  'the customer orders {int} of {string} with the same key',
  function (this: Scene, count: number, name: string) {
    return place(this, { count, name });
  },
);

When('the storekeeper ships the order', async function (this: Scene) {
  await act(this, 'operator', { path: 'shipments' });
  assert.equal(this.reply.status, 202, JSON.stringify(this.reply.body));
});

When('the customer cancels the order', function (this: Scene) {
  return act(this, 'customer', { path: 'cancel' });
});

When('the {word} refunds the order', function (this: Scene, person: PersonName) {
  return act(this, person, { path: 'refunds', body: { reason: 'goodwill' } });
});

Then('the order becomes {string}', async function (this: Scene, state: string) {
  await eventually(`the order is ${state}`, async () => (await stateOf(this)) === state);
});

Then('the order is {string}', async function (this: Scene, state: string) {
  assert.equal(await stateOf(this), state);
});

Then('the request is refused with {int}', function (this: Scene, status: number) {
  assert.equal(this.reply.status, status, JSON.stringify(this.reply.body));
});

Then('both answers name the same order', function (this: Scene) {
  const [first, second] = this.replies.slice(-2) as [Reply, Reply];
  assert.equal(first.body.id, second.body.id);
  assert.equal(second.headers.get('idempotent-replayed'), 'true');
});

for (const [words, field] of [
  ['free', 'free'],
  ['on hand', 'onHand'],
] as const)
  Then(`{int} of {string} are ${words}`, async function (this: Scene, count: number, name: string) {
    const { item } = this.products.get(name)!;
    await eventually(`${count} of ${name} are ${words}`, async () => {
      const { body } = await shop.get('operator', `/v1/stock/${SITE}/${item}`);
      return body[field] === count;
    });
  });

Then('nothing was charged', async function (this: Scene) {
  assert.equal(await doneOf(this, 'capture'), 0);
});

Then('the payment was captured once', async function (this: Scene) {
  assert.equal(await doneOf(this, 'capture'), 1);
});

Then('the bank holds the amount once', async function (this: Scene) {
  const { body } = await shop.get('manager', '/v1/payments/reconciliation');
  assert.deepEqual(body.differences ?? [], []);
});

Then('everything that was captured was paid back', async function (this: Scene) {
  assert.equal(await doneOf(this, 'capture'), 1);
  assert.equal(await doneOf(this, 'refund'), 1);
});

Then('its story tells in order: {string}', async function (this: Scene, told: string) {
  const events = (await storyOf(this)).filter(({ kind }) => kind === 'event');
  const states = events.map(({ type }) => type!.replace(/^order\.(.*)\.v1$/, '$1'));
  assert.deepEqual(states, told.split(', '));
});

interface StoryEntry {
  readonly kind: string;
  readonly type?: string;
  readonly operation?: string;
  readonly outcome?: string;
}

async function storyOf({ orderId }: Scene): Promise<readonly StoryEntry[]> {
  return (await shop.get('manager', `/v1/orders/${orderId}/why`)).body.story;
}

/** Calls to the acquirer that took effect. */
async function doneOf(scene: Scene, operation: string): Promise<number> {
  const attempts = (await storyOf(scene)).filter(({ kind }) => kind === 'attempt');
  return attempts.filter((a) => a.operation === operation && a.outcome === 'done').length;
}

async function place(scene: Scene, { count, name }: { count: number; name: string }) {
  const body = {
    lines: [{ productId: scene.products.get(name)!.id, quantity: count }],
    shippingAddress: ADDRESS,
    currency: 'EUR',
    payment: { methodToken: scene.methodToken },
  };
  scene.replies.push(await shop.post('customer', '/v1/orders', { ...body, key: scene.key }));
}

async function act(
  { replies, orderId }: Scene,
  person: PersonName,
  { path, body = {} }: { path: string; body?: object },
) {
  replies.push(await shop.post(person, `/v1/orders/${orderId}/${path}`, body));
}

async function stateOf({ orderId }: Scene): Promise<string> {
  return (await shop.get('customer', `/v1/orders/${orderId}`)).body.state;
}
