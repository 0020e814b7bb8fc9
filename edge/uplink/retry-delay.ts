import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { UplinkSettings } from './settings.ts';

type RetrySettings = Pick<
  UplinkSettings,
  'retryDelayMsMin' | 'retryDelayMsMax' | 'rejectedRetryMs'
>;

/**
 * How long to wait before the next stream. `failures` counts the streams that failed in a row, from
 * 1; `fraction` is random, from 0, below 1: up to half of the delay is taken off, so that a fleet
 * does not come back at one moment.
 */
export function retryDelayMs(
  settings: RetrySettings,
  { failures, error, fraction }: { failures: number; error: AppError; fraction: number },
): number {
  const doubled = settings.retryDelayMsMin * 2 ** Math.min(failures - 1, 20);
  const full =
    error.retry === 'never'
      ? settings.rejectedRetryMs
      : Math.min(doubled, settings.retryDelayMsMax);
  return full * (1 - fraction / 2);
}
