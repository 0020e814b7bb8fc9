import { test } from 'vitest';
import { expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';

test.each([
  'acknowledge-before-commit',
  'delete-before-acknowledgement',
  'range-off-by-one',
  'resend-under-new-incarnation',
] as const)('finds the planted bug %s', expectFound, PLANTED_TIMEOUT_MS);
