import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type Shop } from '../load/orders/shop.ts';
import { eventually } from './eventually.ts';
import { runEntry } from './house.ts';
import { type Caller, callerOf, orderOf, postOrder, SITE, stockUp, type Ware } from './shopping.ts';

const CHROMIUM = process.env['HOLDFAST_CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'];
const hasChromium = existsSync(CHROMIUM);
const MISSING = `${CHROMIUM} is not installed (Debian: chromium)`;

const SHOP = 'shop';
const TARGETS = ['auth', 'telemetry', 'product', 'inventory', 'payment', 'payment-sandbox'];
const PLAN = { [SHOP]: [...TARGETS, 'audit', 'order', 'console'] };
const STOCK = 20;

type Username = Parameters<Shop['token']>[0];

let dir: string;
let shop: Shop;
let browser: Browser;
let customer: Caller;
let ware: Ware;
const broken: string[] = [];

beforeAll(async () => {
  if (!hasChromium) return;
  dir = mkdtempSync(join(tmpdir(), 'holdfast-console-orders-'));
  shop = await openShop({ dir, plan: PLAN });
  customer = await callerOf(shop, SHOP, 'customer');
  const staff = await callerOf(shop, SHOP, 'admin');
  ware = await stockUp({ catalogue: staff, stock: staff }, STOCK);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
});

afterAll(async () => {
  await browser?.close();
  await shop?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** A page of the console for one of the development users, signed in as a person does. */
async function signedIn(username: Username, path: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => broken.push(error.message));
  const { env } = shop.processes.get(SHOP)!.options;
  const printed = await runEntry('cloud/main.ts', ['development-logins'], env);
  const logins = JSON.parse(printed.stdout) as { username: string; password: string }[];
  const { password } = logins.find((login) => login.username === username)!;
  await page.goto(`${shop.url(SHOP)}/console/${path}`);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  return page;
}

async function place(methodToken?: string): Promise<string> {
  const answer = await postOrder(customer, orderOf(ware, methodToken ? { methodToken } : {}));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function live(page: Page): Promise<void> {
  await page.locator('[data-testid="live-mark"][data-state="live"]').waitFor();
}

test('an order appears, is shipped from its story and becomes fulfilled', async ({ skip }) => {
  if (!hasChromium) return skip(MISSING);
  const page = await signedIn('operator', 'orders');
  await live(page);
  await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }));
  const id = await place();
  await page.locator(`[data-testid="${id}"][data-state="confirmed"]`).waitFor();
  await page.getByTestId(id).getByRole('link').click();

  const story = page.getByTestId('story');
  await story.getByText('Authorised → Confirmed').waitFor();
  expect(await story.getByText('Allowed: place order').count()).toBe(1);
  expect(await story.locator('[data-kind="attempt"]').count()).toBe(1);
  await live(page);
  await page.getByRole('button', { name: 'Ship', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Ship', exact: true }).click();
  await page.locator('[data-testid="order-state"][data-state="fulfilled"]').waitFor();
  await story.getByText('Shipping → Fulfilled').waitFor();
  expect(await page.getByRole('dialog').count()).toBe(0);

  await page.getByRole('link', { name: 'All orders' }).click();
  await page.locator(`[data-testid="${id}"][data-state="fulfilled"]`).waitFor();
  expect(await page.evaluate(() => 'isSamePage' in globalThis)).toBe(true);
  expect(broken).toEqual([]);
});

test('says that it is not live while the cloud is away, and goes on from there', async ({
  skip,
}) => {
  if (!hasChromium) return skip(MISSING);
  const page = await signedIn('operator', 'orders');
  await live(page);
  const cloud = shop.processes.get(SHOP)!;
  await cloud.kill();
  await page.getByTestId('cloud-down').waitFor();
  await page.locator('[data-testid="live-mark"][data-state="down"]').waitFor({ state: 'attached' });
  cloud.start();
  await shop.ready(SHOP);
  await live(page);
  const id = await place();
  await page.locator(`[data-testid="${id}"][data-state="confirmed"]`).waitFor();
  expect(broken).toEqual([]);
});

test('a customer sees the own orders, and none of the pages of the staff', async ({ skip }) => {
  if (!hasChromium) return skip(MISSING);
  const id = await place();
  const page = await signedIn('customer', 'stock');
  await page.getByTestId(id).waitFor();
  expect(page.url()).toMatch(/\/console\/orders$/);
  const links = page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link');
  expect(await links.allTextContents()).toEqual(['Orders', 'Products']);
  await page.getByTestId(id).getByRole('link').click();
  await page.getByRole('button', { name: 'Cancel order' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
  await page.locator('[data-testid="order-state"][data-state="cancelled"]').waitFor();
  expect(await page.getByRole('button', { name: 'Ship', exact: true }).count()).toBe(0);
  expect(broken).toEqual([]);
});

test("a manager's price change beyond the bound is refused, and the page says why", async ({
  skip,
}) => {
  if (!hasChromium) return skip(MISSING);
  const page = await signedIn('manager', 'products');
  await page.getByLabel('Search products').fill(ware.item);
  await page.getByTestId(`product-${ware.item}`).click();
  const price = page.getByLabel('Price in EUR', { exact: true });
  await price.fill('0.10');
  await page.getByRole('button', { name: 'Save' }).click();
  const refusal = page.getByTestId('refusal');
  await refusal.waitFor();
  expect(await refusal.getAttribute('data-code')).toBe('FORBIDDEN');
  expect(await refusal.textContent()).toMatch(/^You may not do this: \w+/);
  await page.getByText('€2.49 → €0.10 (−96 %)').waitFor();

  await price.fill('2.60');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  expect(await refusal.count()).toBe(0);
  expect(broken).toEqual([]);
});

test('who saves a product that was changed meanwhile is shown what changed', async ({ skip }) => {
  if (!hasChromium) return skip(MISSING);
  const admin = await callerOf(shop, SHOP, 'admin');
  const page = await signedIn('manager', `products/${ware.productId}`);
  await page.getByLabel('Description').fill('by the page');
  await rename(admin, 'Renamed meanwhile');
  await page.getByRole('button', { name: 'Save' }).click();
  const overtaken = page.getByTestId('overtaken');
  await overtaken.waitFor();
  expect(await overtaken.textContent()).toContain('Renamed meanwhile');
  await overtaken.getByRole('button', { name: 'Take theirs' }).click();
  await eventually(
    'their name in the form',
    async () =>
      (await page.getByLabel('Name', { exact: true }).inputValue()) === 'Renamed meanwhile',
  );
  expect(broken).toEqual([]);
});

async function rename({ url, token }: Caller, name: string): Promise<void> {
  const resource = `${url}/v1/products/${ware.productId}`;
  const authorization = `Bearer ${token}`;
  const tag = (await fetch(resource, { headers: { authorization } })).headers.get('etag')!;
  const headers = { authorization, 'content-type': 'application/json', 'if-match': tag };
  const body = JSON.stringify({ name });
  expect((await fetch(resource, { method: 'PATCH', headers, body })).status).toBe(200);
}

test('a movement that is booked on the page is in the stock that it shows', async ({ skip }) => {
  if (!hasChromium) return skip(MISSING);
  const page = await signedIn('operator', `stock?q=${ware.item}`);
  const row = page.getByTestId(`stock-${SITE}-${ware.item}`);
  const onHand = row.locator('[data-name="On hand"]');
  const before = Number(await onHand.textContent());
  await row.getByRole('button').click();
  await page.getByLabel('Quantity').fill('7');
  await page.getByRole('button', { name: 'Book it' }).click();
  await eventually('the goods', async () => Number(await onHand.textContent()) === before + 7);
  expect(broken).toEqual([]);
});
