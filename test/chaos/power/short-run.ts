import { expectFoundWithin } from '../expectations.ts';
import type { PowerPlant } from './plants.ts';
import { type PowerReport, runPower } from './power.ts';
import { whyNoTrace } from './strace.ts';

/** The short form of the torture, for `npm test`. */
const CYCLES = Number(process.env['HOLDFAST_TORTURE_CYCLES'] ?? 8);
const EVENTS = 1;
/** A cut must meet the planted bug: it gets so many cycles; the torture itself runs longer. */
const PLANTED_CYCLES = 40;
/** Each records a life of its own. */
const PLANT_TRIES = 3;
/** On a busy machine; 25 s on a free one. */
export const POWER_TIMEOUT_MS = 300_000;

export const withoutTrace = whyNoTrace();

export function shortRun(options: { seed: number; plant?: PowerPlant }): Promise<PowerReport> {
  const cycles = options.plant ? PLANTED_CYCLES : CYCLES;
  const untilFound = options.plant !== undefined;
  return runPower({ ...options, cycles, untilFound, eventCount: EVENTS, progress: () => {} });
}

export async function expectPlantFound(plant: PowerPlant): Promise<void> {
  await expectFoundWithin(PLANT_TRIES, (seed) => shortRun({ seed, plant }));
}
