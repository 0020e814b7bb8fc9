import { drawSeed, SEED_VARIABLE, seedOf } from './seed.ts';

/** Runs once, before the workers start: they inherit the environment and so the seed. */
export default function globalSetup(): void {
  process.env[SEED_VARIABLE] = String(seedOf(process.env) ?? drawSeed());
}
