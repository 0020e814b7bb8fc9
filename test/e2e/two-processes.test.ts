import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SENTENCE_VARIABLE } from '../chaos/kill/killing-steps.ts';
import { eventually } from './eventually.ts';
import { type House, prepareHouse } from './house.ts';
import { connectNumbered, NUMBERED_METRIC } from './mqtt-client.ts';
import { allReadings } from './readings.ts';

const POSTGRES = process.env['HOLDFAST_TEST_POSTGRES_URL'];
const ROUNDS = 40;
const PER_ROUND = 25;
const STEP = 'telemetry.batch.before-commit';

const shared = mkdtempSync(join(tmpdir(), 'holdfast-shared-'));
const recordFile = join(shared, 'step');
const database = `holdfast_e2e_${process.pid}_${Date.now()}`;
let first: House;
let second: House;

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: POSTGRES });
  await client.connect();
  await client.query(statement);
  await client.end();
}

beforeAll(async () => {
  if (!POSTGRES) return;
  await administer(`create database ${database}`);
  const url = new URL(POSTGRES);
  url.pathname = `/${database}`;
  const env = {
    HOLDFAST_SQL_SECRET_URL: url.href,
    HOLDFAST_SECRETS_DIR: join(shared, 'secrets'),
    HOLDFAST_EVENT_LOG_DIR: join(shared, 'event-log'),
    HOLDFAST_EVENT_LOG_LEASE_MS: '1500',
  };
  const cloudEntry = 'test/chaos/kill/victim-cloud.ts';
  first = await prepareHouse({ env, cloudEntry });
  second = await prepareHouse({ env, cloudEntry });
  const sentence = JSON.stringify({ step: STEP, afterSteps: 5, recordFile });
  // At once: both migrate, both make the authority and the users, and one of each remains. Which of
  // them serves the gateways' partitions is the log's choice; the first to come so far dies.
  for (const house of [first, second]) house.cloud.start({ [SENTENCE_VARIABLE]: sentence });
  for (const house of [first, second]) {
    await house.cloudReady();
    await house.enrol();
    house.gateway.start();
    await house.gatewayReady();
  }
});

afterAll(async () => {
  await first?.close();
  await second?.close();
  if (POSTGRES) await administer(`drop database if exists ${database} with (force)`);
  rmSync(shared, { recursive: true, force: true });
});

test('two processes of each target hand partitions over when one dies in mid-batch', async ({
  skip,
}) => {
  if (!POSTGRES) return skip('HOLDFAST_TEST_POSTGRES_URL is not set');
  const houses = [first, second];
  const devices = [await connectNumbered(first, 'east'), await connectNumbered(second, 'west')];
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(devices.map((device) => device.publish(PER_ROUND)));
  }
  const dead = await eventually('one of the clouds to die in mid-batch', async () => {
    await Promise.all(devices.map((device) => device.publish(1)));
    return houses.find((house) => !house.cloud.running);
  });
  expect(readFileSync(recordFile, 'utf8')).toBe(STEP);
  const survivor = dead === first ? second : first;
  const its = devices[houses.indexOf(survivor)]!;
  // What the dead process held goes on in the other one.
  await eventually('the survivor to answer for what its own gateway sent', async () => {
    const found = await allReadings(survivor, its.id, NUMBERED_METRIC);
    return found.length === its.last;
  });
  dead.cloud.start();
  await dead.cloudReady();
  for (const device of devices) {
    const readings = await eventually(`all of ${device.id}`, async () => {
      const found = await allReadings(survivor, device.id, NUMBERED_METRIC);
      return found.length >= device.last ? found : undefined;
    });
    const expected = Array.from({ length: device.last }, (_, index) => index + 1);
    expect(readings.map(({ value }) => value)).toEqual(expected);
    await device.close();
  }
});
