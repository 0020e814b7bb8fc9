import { expect, test } from 'vitest';
import { CYCLES, SEED, shortRun } from './kill/short-run.ts';

test('loses and repeats nothing when killed at drawn steps', async () => {
  const { verdict } = await shortRun({ seed: SEED, cycles: CYCLES });
  expect(verdict.findings, `seed ${SEED}`).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0 });
  expect(verdict.acked).toBeGreaterThan(0);
  expect(verdict.acked).toBeLessThanOrEqual(verdict.stored);
  expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
});
