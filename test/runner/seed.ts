/**
 * The seed of this run's random tests. Set once by the global setup, so that every worker draws
 * from the same one.
 */
export const SEED_VARIABLE = 'HOLDFAST_SEED';
const SEED_MAX = 2 ** 31 - 1;

/** The seed that the environment gives back, or undefined. Throws when it is not an integer. */
export function seedOf(environment: NodeJS.ProcessEnv): number | undefined {
  const text = environment[SEED_VARIABLE];
  if (text === undefined || text === '') return undefined;
  const seed = Number(text);
  if (Number.isInteger(seed) && Math.abs(seed) <= SEED_MAX) return seed;
  throw new Error(`${SEED_VARIABLE} is "${text}": give an integer of at most ${SEED_MAX}`);
}

export function drawSeed(): number {
  return Math.floor(Math.random() * SEED_MAX);
}
