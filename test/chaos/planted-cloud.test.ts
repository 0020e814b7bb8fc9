import { test } from 'vitest';
import { drawPlants, expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';

const PLANTS = ['acknowledge-before-append', 'position-outside-transaction'] as const;

test.each(drawPlants(PLANTS))('finds the planted bug %s', expectFound, PLANTED_TIMEOUT_MS);
