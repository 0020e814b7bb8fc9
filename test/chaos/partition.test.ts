import { test } from 'vitest';
import { expectFoundWithin, expectWhole, SEED } from './expectations.ts';
import { runPartition } from './partition/partition.ts';
import { plantedTests } from './planted-tests.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 4);
const PLANTED_CYCLES = 3;
const PLANT_TRIES = 4;
const progress = (): void => {};

test('loses and repeats nothing while the line is cut, torn and slow', async () => {
  const { verdict } = await runPartition({ seed: SEED, cycles: CYCLES, progress });
  expectWhole(verdict);
});

plantedTests('partition', {
  plants: ['resend-under-new-incarnation'],
  expectFound: (plant) =>
    expectFoundWithin(PLANT_TRIES, (seed) =>
      runPartition({ seed, cycles: PLANTED_CYCLES, plant, progress }),
    ),
  timeoutMs: 200_000,
});
