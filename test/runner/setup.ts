import fc from 'fast-check';
import { seedOf } from './seed.ts';

/** How often a property is tried. Enough to find, few enough for the fast gate. */
const PROPERTY_RUNS = 100;

const seed = seedOf(process.env);
fc.configureGlobal({ numRuns: PROPERTY_RUNS, ...(seed === undefined ? {} : { seed }) });
