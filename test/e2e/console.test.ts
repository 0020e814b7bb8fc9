import { existsSync } from 'node:fs';
import mqtt from 'mqtt';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, startHouse } from './house.ts';
import { connectNumbered } from './mqtt-client.ts';

const CHROMIUM = process.env['HOLDFAST_CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** What is published while the cloud is away, over a line so slow that one sees the gap close. */
const ROUNDS = 5;
const PER_ROUND = 2_000;
const LINE = { bytesPerSecond: 6_000 };

const hasChromium = existsSync(CHROMIUM);

let house: House;
let browser: Browser;
let page: Page;
const broken: string[] = [];

beforeAll(async () => {
  if (!hasChromium) return;
  house = await startHouse({ line: LINE });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on('pageerror', (error) => broken.push(error.message));
});

afterAll(async () => {
  await browser?.close();
  await house?.close();
});

async function signIn(): Promise<void> {
  const { username, password } = await house.login();
  await page.goto(`${house.cloudUrl}/console/`);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: /sign in/i }).click();
}

async function publish(value: number): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${house.mqttPort}`);
  const topic = 'devices/oven-1/telemetry/temperature';
  await client.publishAsync(topic, String(value), { qos: 1 });
  await client.endAsync();
}

const row = () => page.locator('[data-testid^="gateway-"]').first();
const stateOf = () => row().getAttribute('data-state');

test('shows live values and turns a stopped gateway red', async ({ skip }) => {
  if (!hasChromium) return skip(`${CHROMIUM} is not installed (Debian: chromium)`);
  await signIn();
  await eventually(
    'the gateway to be shown as connected',
    async () => (await stateOf()) === 'connected',
  );

  await publish(180);
  await page.goto(`${house.cloudUrl}/console/devices/oven-1`);
  const latest = page.getByTestId('latest-temperature');
  await eventually('the first value', async () => (await latest.textContent())?.includes('180'));
  await publish(195.5);
  await eventually('the value to change', async () =>
    (await latest.textContent())?.includes('195.5'),
  );

  await page.goto(`${house.cloudUrl}/console/`);
  await eventually('connected', async () => (await stateOf()) === 'connected');
  const calm = await colourOf();
  await house.gateway.stop();
  await eventually(
    'the stopped gateway to be shown',
    async () => (await stateOf()) === 'disconnected',
  );
  expect(await colourOf()).not.toBe(calm);
  expect(isRed(await colourOf())).toBe(true);

  house.gateway.start();
  await house.gatewayReady();
  await eventually('connected again', async () => (await stateOf()) === 'connected');
  expect(broken).toEqual([]);
});

test('says that the cloud is away, and shows the gap closing when it is back', async ({ skip }) => {
  if (!hasChromium) return skip(`${CHROMIUM} is not installed (Debian: chromium)`);
  await page.goto(`${house.cloudUrl}/console/`);
  await eventually('connected', async () => (await stateOf()) === 'connected');
  await house.cloud.kill();
  await page.getByTestId('cloud-down').waitFor({ timeout: 10_000 });
  const device = await connectNumbered(house, 'busy');
  for (let round = 0; round < ROUNDS; round++) await device.publish(PER_ROUND);
  house.cloud.start();
  await page.getByTestId('cloud-down').waitFor({ state: 'detached', timeout: 20_000 });
  await page.getByTestId('backlog-telemetry').waitFor({ timeout: 20_000 });
  await page.getByTestId('backlog-telemetry').waitFor({ state: 'detached', timeout: 60_000 });
  await device.close();
  expect(broken).toEqual([]);
});

/** The colour of the state badge's text. */
function colourOf(): Promise<string> {
  return row()
    .locator('.badge')
    .first()
    .evaluate((badge) => badge.ownerDocument.defaultView?.getComputedStyle(badge).color ?? '');
}

function isRed(colour: string): boolean {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return red > 1.5 * green && red > 1.5 * blue;
}
