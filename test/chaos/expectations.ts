import { expect } from 'vitest';
import type { Verdict } from './kill/audit.ts';

/** Of what the tortures draw. */
export const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_261);

/** What each torture promises: the two ends agree, and every acknowledged message is told of. */
export function expectWhole(verdict: Verdict): void {
  expect(verdict.findings, `seed ${SEED}`).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0 });
  expect(verdict.acked).toBeGreaterThan(0);
  expect(verdict.acked).toBeLessThanOrEqual(verdict.stored);
  expect(verdict.stored).toBe(verdict.delivered + verdict.condensed + verdict.dropped);
}

/** A torture must meet the bug that is planted: it has so many tries, each with its own seed. */
export async function expectFoundWithin(
  tries: number,
  run: (seed: number) => Promise<{ readonly verdict: Verdict & { failedStarts?: number } }>,
): Promise<void> {
  let found = 0;
  for (let attempt = 0; attempt < tries && found === 0; attempt++) {
    const { verdict } = await run(SEED + attempt);
    found = verdict.lost + verdict.duplicated + (verdict.failedStarts ?? 0);
  }
  expect(found).toBeGreaterThan(0);
}
