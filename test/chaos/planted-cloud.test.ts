import { test } from 'vitest';
import { expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';

test.each(['acknowledge-before-append', 'position-outside-transaction'] as const)(
  'finds the planted bug %s',
  expectFound,
  PLANTED_TIMEOUT_MS,
);
