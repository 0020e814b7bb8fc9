import { expectFoundWithin } from '../expectations.ts';
import { runKill } from './kill.ts';
import type { Plant } from './plants.ts';

/** The short form of the torture, for `npm test`. */
export const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 4);
const PLANTED_CYCLES = 3;
/** A kill must meet the planted bug: it gets so many tries; the torture itself runs longer. */
const PLANT_TRIES = 20;
/** All tries on a busy machine. */
export const PLANTED_TIMEOUT_MS = 600_000;

export const shortRun = (options: { seed: number; cycles: number; plant?: Plant }) =>
  runKill({ ...options, progress: () => {} });

export async function expectFound(plant: Plant): Promise<void> {
  await expectFoundWithin(PLANT_TRIES, (seed) => shortRun({ seed, cycles: PLANTED_CYCLES, plant }));
}
