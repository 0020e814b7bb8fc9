import { describe, expect, test } from 'vitest';
import { plantedTests } from './planted-tests.ts';
import { POWER_PLANTS, type PowerPlant } from './power/plants.ts';
import {
  expectPlantFound,
  POWER_TIMEOUT_MS,
  SEED,
  shortRun,
  withoutTrace,
} from './power/short-run.ts';

const title = withoutTrace === undefined ? 'a power cut' : `a power cut, skipped: ${withoutTrace}`;

describe.skipIf(withoutTrace !== undefined)(title, () => {
  test(
    'loses and repeats nothing, whatever was not synced',
    async () => {
      const { verdict } = await shortRun({ seed: SEED });
      expect(verdict.findings, `seed ${SEED}`).toEqual([]);
      expect(verdict).toMatchObject({ lost: 0, duplicated: 0, failedStarts: 0 });
      expect(verdict.acked).toBeGreaterThan(0);
      expect(verdict.acked).toBeLessThanOrEqual(verdict.stored);
      expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
    },
    POWER_TIMEOUT_MS,
  );

  plantedTests('power', {
    plants: Object.keys(POWER_PLANTS) as PowerPlant[],
    expectFound: expectPlantFound,
    timeoutMs: POWER_TIMEOUT_MS,
  });
});
