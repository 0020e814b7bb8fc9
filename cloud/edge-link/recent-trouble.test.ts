import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { expect, it } from 'vitest';
import { RecentTrouble, TROUBLE_TOLD_MS } from './recent-trouble.ts';

const FULL = new AppError('UNAVAILABLE', 'the disk of the database is full');
const TOLD = 'cannot serve gateways: the disk of the database is full';

it('is told until a gateway is served again', () => {
  const trouble = new RecentTrouble(simulatedClock());
  expect(trouble.text).toBeUndefined();
  trouble.failed(FULL);
  expect(trouble.text).toBe(TOLD);
  trouble.worked();
  expect(trouble.text).toBeUndefined();
});

it('is forgotten when no gateway comes any more', async () => {
  const clock = simulatedClock();
  const trouble = new RecentTrouble(clock);
  trouble.failed(FULL);
  await clock.advance(TROUBLE_TOLD_MS - 1);
  expect(trouble.text).toBe(TOLD);
  await clock.advance(1);
  expect(trouble.text).toBeUndefined();
});

it('is not what a gateway did wrong', () => {
  const trouble = new RecentTrouble(simulatedClock());
  trouble.failed(new AppError('REQUEST_INVALID', 'frame block while opened'));
  expect(trouble.text).toBeUndefined();
  trouble.failed(new TypeError('a bug of ours'));
  expect(trouble.text).toBe('cannot serve gateways: a bug of ours');
});
