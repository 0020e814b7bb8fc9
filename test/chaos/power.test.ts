import { describe, expect, test } from 'vitest';
import { expectWhole, SEED } from './expectations.ts';
import { plantedTests } from './planted-tests.ts';
import { POWER_PLANTS, type PowerPlant } from './power/plants.ts';
import { expectPlantFound, POWER_TIMEOUT_MS, shortRun, withoutTrace } from './power/short-run.ts';

const title = withoutTrace === undefined ? 'a power cut' : `a power cut, skipped: ${withoutTrace}`;

describe.skipIf(withoutTrace !== undefined)(title, () => {
  test(
    'loses and repeats nothing, whatever was not synced',
    async () => {
      const { verdict } = await shortRun({ seed: SEED });
      expectWhole(verdict);
      expect(verdict.failedStarts).toBe(0);
    },
    POWER_TIMEOUT_MS,
  );

  plantedTests('power', {
    plants: Object.keys(POWER_PLANTS) as PowerPlant[],
    expectFound: expectPlantFound,
    timeoutMs: POWER_TIMEOUT_MS,
  });
});
