import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { z } from 'zod';
import type { Kv } from '../kv/kv.ts';

/** What a request takes from: reading is cheap, signing in costs a password's hash. */
export const RATE_CLASSES = ['read', 'write', 'sign-in'] as const;
export type RateClass = (typeof RATE_CLASSES)[number];

const WINDOW_MS = 60_000;

/** The settings under `http.rateLimits`: per principal, or per address where nobody is known. */
export const rateLimitSettingsSchema = z
  .strictObject({
    readsPerMinuteMax: z.int().min(1).default(6_000),
    writesPerMinuteMax: z.int().min(1).default(1_200),
    signInsPerMinuteMax: z.int().min(1).default(60),
  })
  .prefault({});

export type RateLimitSettings = z.infer<typeof rateLimitSettingsSchema>;

export interface RateLimiter {
  /**
   * Counts one request, and gives the headers that say what is left (draft-ietf-httpapi-ratelimit-
   * headers). A store that is away lets requests pass: a limit protects, it is not the truth.
   */
  take(of: { readonly class: RateClass; readonly who: string }): Promise<RateOutcome>;
}

export interface RateOutcome {
  readonly headers: Readonly<Record<string, string>>;
  /** RATE_LIMITED, when there is nothing left. */
  readonly refusal?: AppError;
}

/** One increment per request, in windows of a minute. */
export function createRateLimiter(options: {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly settings: RateLimitSettings;
}): RateLimiter {
  const { kv, clock, settings } = options;
  const quotas: Readonly<Record<RateClass, number>> = {
    read: settings.readsPerMinuteMax,
    write: settings.writesPerMinuteMax,
    'sign-in': settings.signInsPerMinuteMax,
  };
  const policies = Object.fromEntries(
    RATE_CLASSES.map((each) => [each, `"${each}";q=${quotas[each]};w=${WINDOW_MS / 1000}`]),
  ) as Record<RateClass, string>;
  return {
    async take({ class: rateClass, who }) {
      const quota = quotas[rateClass];
      const nowMs = clock.now();
      const window = Math.floor(nowMs / WINDOW_MS);
      const restMs = (window + 1) * WINDOW_MS - nowMs;
      const key = `rate/${rateClass}/${who}/${window}`;
      const count = await kv.increment(key, { ttlMs: 2 * WINDOW_MS }).catch(passWhenAway);
      const seconds = Math.ceil(restMs / 1000);
      const left = Math.max(0, quota - count);
      const headers = {
        'ratelimit-policy': policies[rateClass],
        ratelimit: `"${rateClass}";r=${left};t=${seconds}`,
      };
      if (count <= quota) return { headers };
      const message = `more than ${quota} requests (${rateClass}) in a minute`;
      const refusal = new AppError('RATE_LIMITED', message, { retryAfterMs: restMs });
      return { headers, refusal };
    },
  };
}

function passWhenAway(cause: unknown): number {
  if (cause instanceof AppError && cause.code === 'UNAVAILABLE') return 0;
  throw cause;
}
