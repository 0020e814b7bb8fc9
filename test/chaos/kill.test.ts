import { expect, test } from 'vitest';
import { runKill } from './kill/kill.ts';
import { PLANTS, type Plant } from './kill/plants.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 5);
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_261);
/** A plant is given so many tries to be drawn by a kill; the torture itself runs longer. */
const PLANT_TRIES = 4;

const run = (options: { seed: number; cycles: number; plant?: Plant }) =>
  runKill({ ...options, progress: () => {} });

test('loses and repeats nothing when killed at drawn steps', async () => {
  const { verdict } = await run({ seed: SEED, cycles: CYCLES });
  expect(verdict.findings, `seed ${SEED}`).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0 });
  expect(verdict.acked).toBeGreaterThan(0);
  expect(verdict.acked).toBeLessThanOrEqual(verdict.stored);
  expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
});

test.each(Object.keys(PLANTS) as Plant[])('finds the planted bug %s', async (plant) => {
  let found = 0;
  for (let attempt = 0; attempt < PLANT_TRIES && found === 0; attempt++) {
    const { verdict } = await run({ seed: SEED + attempt, cycles: CYCLES, plant });
    found = verdict.lost + verdict.duplicated;
  }
  expect(found).toBeGreaterThan(0);
});
