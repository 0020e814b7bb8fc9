import { expect, test } from 'vitest';
import { runDamage } from './damage/damage.ts';
import { type DamagePlant, PLANTS } from './damage/plants.ts';
import { plantedTests } from './planted-tests.ts';

const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 6);
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_261);
/** A fault must meet the planted bug. */
const PLANTED_CYCLES_MAX = 60;
const TIMEOUT_MS = 120_000;

const run = (options: { seed: number; cycles: number; plant?: DamagePlant }) =>
  runDamage({ ...options, progress: () => {} });

test(
  'starts on damaged files, brings what is readable once, and tells the rest',
  async () => {
    const report = await run({ seed: SEED, cycles: CYCLES });
    expect(report.findings, `seed ${SEED}`).toEqual([]);
    expect(report).toMatchObject({ lost: 0, duplicated: 0, failedStarts: 0 });
    expect(report.acked).toBe(report.delivered + report.damaged);
    expect(report.delivered).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

plantedTests('damage', {
  plants: Object.keys(PLANTS) as DamagePlant[],
  async expectFound(plant) {
    let found = 0;
    for (let cycle = 0; cycle < PLANTED_CYCLES_MAX && found === 0; cycle += 2) {
      const { lost, duplicated } = await run({ seed: SEED + cycle, cycles: 2, plant });
      found = lost + duplicated;
    }
    expect(found).toBeGreaterThan(0);
  },
  timeoutMs: TIMEOUT_MS,
});
