import { test } from 'vitest';
import { expectWhole, SEED } from './expectations.ts';
import { CYCLES, shortRun } from './kill/short-run.ts';

test('loses and repeats nothing when killed at drawn steps', async () => {
  const { verdict } = await shortRun({ seed: SEED, cycles: CYCLES });
  expectWhole(verdict);
});
