import { expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';
import { plantedTests } from './planted-tests.ts';

plantedTests('kill cloud', {
  plants: ['acknowledge-before-append', 'position-outside-transaction'],
  expectFound,
  timeoutMs: PLANTED_TIMEOUT_MS,
});
