import { expect, test } from 'vitest';
import { SEED } from './kill/short-run.ts';
import { runPartition } from './partition/partition.ts';
import { plantedTests } from './planted-tests.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 4);
const PLANTED_CYCLES = 3;
const PLANT_TRIES = 4;
const progress = (): void => {};

test('loses and repeats nothing while the line is cut, torn and slow', async () => {
  const { verdict } = await runPartition({ seed: SEED, cycles: CYCLES, progress });
  expect(verdict.findings, `seed ${SEED}`).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0 });
  expect(verdict.acked).toBeGreaterThan(0);
  expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
});

plantedTests('partition', {
  plants: ['resend-under-new-incarnation'],
  async expectFound(plant) {
    let found = 0;
    for (let attempt = 0; attempt < PLANT_TRIES && found === 0; attempt++) {
      const seed = SEED + attempt;
      const { verdict } = await runPartition({ seed, cycles: PLANTED_CYCLES, plant, progress });
      found = verdict.lost + verdict.duplicated;
    }
    expect(found).toBeGreaterThan(0);
  },
  timeoutMs: 200_000,
});
