import { tmpdir } from 'node:os';
import { test } from 'vitest';
import { refusal, runDiskFull } from './disk-full/disk-full.ts';
import { expectFoundWithin, expectWhole, SEED } from './expectations.ts';
import { plantedTests } from './planted-tests.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 4);
const PLANTED_CYCLES = 4;
const PLANT_TRIES = 4;
const PLANTED_TIMEOUT_MS = 400_000;
const progress = (): void => {};
const refused = refusal(tmpdir());

test.skipIf(refused)(`loses and repeats nothing on a full disk ${refused ?? ''}`, async () => {
  const { verdict } = await runDiskFull({ seed: SEED, cycles: CYCLES, progress });
  expectWhole(verdict);
});

if (!refused)
  plantedTests('disk-full', {
    plants: ['condensed-after-sent'],
    expectFound: (plant) =>
      expectFoundWithin(PLANT_TRIES, (seed) =>
        runDiskFull({ seed, cycles: PLANTED_CYCLES, plant, progress }),
      ),
    timeoutMs: PLANTED_TIMEOUT_MS,
  });
