import { expectFound, PLANTED_TIMEOUT_MS } from './kill/short-run.ts';
import { plantedTests } from './planted-tests.ts';

plantedTests('kill gateway', {
  plants: [
    'acknowledge-before-commit',
    'delete-before-acknowledgement',
    'range-off-by-one',
    'resend-under-new-incarnation',
  ],
  expectFound,
  timeoutMs: PLANTED_TIMEOUT_MS,
});
