import { expect, test } from 'vitest';
import { SEED } from './expectations.ts';
import { fillDisk, fullDiskRefusal } from './orders/full-disk.ts';
import { killOrders } from './orders/kill-orders.ts';
import { raceForThirty } from './orders/stock-of-thirty.ts';

const ATTEMPTS = Number(process.env['HOLDFAST_RACE_ATTEMPTS'] ?? 300);
const CLIENTS = 64;
const KILLS = 3;
const TIMEOUT_MS = 300_000;
const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];
const refused = fullDiskRefusal();
const options = { attempts: ATTEMPTS, clients: CLIENTS, seed: SEED, progress: () => {} };

async function expectSoldOnce(postgresUrl?: string): Promise<void> {
  const report = await raceForThirty({ ...options, postgresUrl });
  expect(report.findings, `seed ${SEED}`).toEqual([]);
  expect(report.doubleCharges).toBe(0);
  expect(report.atRest).toBe(report.orders);
  expect(report.orders).toBeGreaterThanOrEqual(ATTEMPTS);
  expect(report.samples).toBeGreaterThan(0);
}

test('sells thirty of thirty, never one more, on sqlite', () => expectSoldOnce(), TIMEOUT_MS);

test.skipIf(!POSTGRES_URL)(
  `sells thirty of thirty with two processes of each target, on postgres${
    POSTGRES_URL ? '' : ' (skipped: HOLDFAST_TEST_POSTGRES_URL is not set)'
  }`,
  () => expectSoldOnce(POSTGRES_URL),
  TIMEOUT_MS,
);

test(
  'finds a piece that nobody counted',
  async () => {
    const plant = 'stock-appears';
    const { findings } = await raceForThirty({ ...options, attempts: 60, clients: 8, plant });
    expect(findings.length).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'ends every order, whatever process is killed at a drawn step',
  async () => {
    const report = await killOrders({ cycles: KILLS, seed: SEED, progress: () => {} });
    expect(report.findings, `seed ${SEED}, ${report.died.join('; ')}`).toEqual([]);
    expect(report.atRest).toBe(report.orders);
    expect(report.orders).toBe(report.placed);
  },
  TIMEOUT_MS,
);

test.skipIf(refused)(
  `goes on by itself after a full disk, and loses no order ${refused ?? ''}`,
  async () => {
    const { acknowledged, afterwards, refusals, reasons, degraded, findings } = await fillDisk();
    expect(findings).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(afterwards);
    expect([...refusals]).toEqual([
      'not available at the moment; the log of the server has the details',
    ]);
    expect([...reasons]).toContainEqual(
      expect.stringContaining('the disk of the database is full'),
    );
    expect(degraded).toContain('order');
  },
  TIMEOUT_MS,
);
