import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { UplinkSettings } from './settings.ts';

type RetrySettings = Pick<
  UplinkSettings,
  'retryDelayMsMin' | 'retryDelayMsMax' | 'rejectedRetryMs'
>;

export interface Retry {
  /** The streams that failed in a row, from 1. */
  readonly failures: number;
  readonly error: AppError;
  /** Random, from 0, below 1. */
  readonly fraction: number;
  /** Over how long the cloud wants its fleet to be spread when it comes back. */
  readonly spreadMs: number;
}

/** A cloud may not keep a gateway away for longer, whatever it says. */
const ASKED_MS_MAX = 60_000;

/**
 * How long to wait before the next stream. Up to half of the delay is taken off, and a part of the
 * spread is added to the first, so that a fleet does not come back at one moment.
 */
export function retryDelayMs(
  settings: RetrySettings,
  { failures, error, fraction, spreadMs }: Retry,
): number {
  const doubled = settings.retryDelayMsMin * 2 ** Math.min(failures - 1, 20);
  const full =
    error.retry === 'never'
      ? settings.rejectedRetryMs
      : Math.min(doubled, settings.retryDelayMsMax);
  const asked = Math.min(ASKED_MS_MAX, error.retryAfterMs ?? 0);
  const spread = failures === 1 ? Math.min(ASKED_MS_MAX, spreadMs) * fraction : 0;
  return Math.max(full, asked) * (1 - fraction / 2) + spread;
}
