import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { expect, it } from 'vitest';
import { retryDelayMs } from './retry-delay.ts';
import { uplinkSettingsSchema } from './settings.ts';

const settings = uplinkSettingsSchema.parse({});
const error = new AppError('UNAVAILABLE', 'away');

it('waits twice as long each time, up to a bound', () => {
  const delays = [1, 2, 3, 4, 5, 500].map((failures) =>
    retryDelayMs(settings, { failures, error, fraction: 0, spreadMs: 0 }),
  );
  expect(delays).toEqual([200, 400, 800, 1_000, 1_000, 1_000]);
});

it('takes off up to half at random, so that a fleet does not come back at one moment', () => {
  expect(retryDelayMs(settings, { failures: 9, error, fraction: 0.999, spreadMs: 0 })).toBeCloseTo(
    500,
    -1,
  );
});

it('takes its time when only a person can help', () => {
  const rejected = new AppError('CA_MISMATCH', 'another authority');
  const delay = retryDelayMs(settings, { failures: 1, error: rejected, fraction: 0, spreadMs: 0 });
  expect(delay).toBe(settings.rejectedRetryMs);
});

it('comes back somewhere in the spread that the cloud wants, and only the first time', () => {
  const spread = { error, fraction: 0.5, spreadMs: 4_000 };
  expect(retryDelayMs(settings, { failures: 1, ...spread })).toBe(2_150);
  expect(retryDelayMs(settings, { failures: 2, ...spread })).toBe(300);
});

it('stays away as long as the cloud asks, and not for ever', () => {
  const busy = new AppError('RATE_LIMITED', 'many', { retryAfterMs: 4_000 });
  const hostile = new AppError('RATE_LIMITED', 'many', { retryAfterMs: 1e9 });
  const first = { failures: 1, fraction: 0, spreadMs: 0 };
  expect(retryDelayMs(settings, { ...first, error: busy })).toBe(4_000);
  expect(retryDelayMs(settings, { ...first, error: hostile })).toBe(60_000);
});
