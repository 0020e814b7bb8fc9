import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { refusal, runDiskFull } from './disk-full/disk-full.ts';
import { SEED } from './kill/short-run.ts';
import { plantedTests } from './planted-tests.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 4);
const PLANTED_CYCLES = 4;
const PLANT_TRIES = 4;
const PLANTED_TIMEOUT_MS = 400_000;
const progress = (): void => {};
const refused = refusal(tmpdir());

test.skipIf(refused)(`loses and repeats nothing on a full disk ${refused ?? ''}`, async () => {
  const { verdict } = await runDiskFull({ seed: SEED, cycles: CYCLES, progress });
  expect(verdict.findings, `seed ${SEED}`).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0 });
  expect(verdict.acked).toBeGreaterThan(0);
  expect(verdict.acked).toBeLessThanOrEqual(verdict.stored);
  expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
});

if (!refused)
  plantedTests('disk-full', {
    plants: ['condensed-after-sent'],
    async expectFound(plant) {
      let found = 0;
      for (let attempt = 0; attempt < PLANT_TRIES && found === 0; attempt++) {
        const seed = SEED + attempt;
        const { verdict } = await runDiskFull({ seed, cycles: PLANTED_CYCLES, plant, progress });
        found = verdict.lost + verdict.duplicated;
      }
      expect(found).toBeGreaterThan(0);
    },
    timeoutMs: PLANTED_TIMEOUT_MS,
  });
