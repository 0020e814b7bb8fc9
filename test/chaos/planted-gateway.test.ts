import { test } from 'vitest';
import { drawPlants, expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';

const PLANTS = [
  'acknowledge-before-commit',
  'delete-before-acknowledgement',
  'range-off-by-one',
  'resend-under-new-incarnation',
] as const;

test.each(drawPlants(PLANTS))('finds the planted bug %s', expectFound, PLANTED_TIMEOUT_MS);
