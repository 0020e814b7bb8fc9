import { test } from 'vitest';
import { SEED } from './expectations.ts';

const TORTURES = [
  'kill gateway',
  'power',
  'disk-full',
  'kill cloud',
  'damage',
  'partition',
] as const;
/** Of a person's run; CI plants every bug of each. */
const DRAWN = 2;

export interface PlantedTests<P extends string> {
  readonly plants: readonly P[];
  /** Runs the torture with the bug, and fails when it is not found. */
  readonly expectFound: (plant: P) => Promise<void>;
  readonly timeoutMs: number;
}

/** A torture finds its planted bugs. Outside CI the seed draws two tortures, and a bug of each. */
export function plantedTests<P extends string>(
  torture: (typeof TORTURES)[number],
  { plants, expectFound, timeoutMs }: PlantedTests<P>,
): void {
  const at = (TORTURES.indexOf(torture) + Math.abs(SEED)) % TORTURES.length;
  const isDrawn = process.env['CI'] !== undefined || at % (TORTURES.length / DRAWN) === 0;
  if (!isDrawn) {
    test.skip(`finds its planted bugs, skipped: the seed drew others, CI plants all`, () => {});
    return;
  }
  const drawn = process.env['CI'] ? plants : [plants[Math.abs(SEED) % plants.length]!];
  test.each(drawn)('finds the planted bug %s', (plant) => expectFound(plant), timeoutMs);
}
