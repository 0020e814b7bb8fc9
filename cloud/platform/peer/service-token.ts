import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { ServiceTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { ServiceTokenSource } from './peer-client.ts';
import type { CallerVerifier } from './peer-host.ts';

export interface ServiceToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface ServiceTokenSourceOptions {
  /** Signs one in this process, or asks `auth`. */
  readonly issue: () => Promise<ServiceToken>;
  readonly clock: Clock;
}

/** Time enough to get the next one while `auth` restarts. */
const RENEW_BEFORE_MS = 200_000;
/** A token that is about to expire would expire on its way. */
const SPARE_MS = 10_000;
/** After a renewal that failed. */
const RENEW_GAP_MS = 1_000;
/** More callers than there are targets, and each token for a while beside its successor. */
const REMEMBERED_MAX = 256;

/** One token at a time, used until the next one is there. */
export function createServiceTokens(options: ServiceTokenSourceOptions): ServiceTokenSource {
  const { issue, clock } = options;
  let held: { readonly header: string; readonly expiresAtMs: number } | undefined;
  let renewing: Promise<string> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const renew = async (): Promise<string> => {
    askedAtMs = clock.monotonicMs();
    try {
      const { token, expiresAtMs } = await issue();
      held = { header: `Bearer ${token}`, expiresAtMs };
      return held.header;
    } catch (cause) {
      throw new AppError('UNAVAILABLE', 'no service token can be had', {
        cause,
        operatorOnly: true,
      });
    } finally {
      renewing = undefined;
    }
  };
  const renewed = (): Promise<string> => {
    renewing ??= renew();
    return renewing;
  };
  return {
    authorization() {
      const leftMs = held ? held.expiresAtMs - clock.now() : 0;
      if (!held || leftMs < SPARE_MS) return renewed();
      const { header } = held;
      const asked = clock.monotonicMs() - askedAtMs < RENEW_GAP_MS;
      // A renewal that fails is tried again by a later call; the old token serves until then.
      if (leftMs < RENEW_BEFORE_MS && !asked) renewed().catch(() => header);
      return header;
    },
  };
}

/** Verifies a token once, and remembers it until it expires. */
export function createCallerVerifier(
  verifier: ServiceTokenVerifier,
  clock: Pick<Clock, 'now'>,
): CallerVerifier {
  const known = new Map<string, { readonly service: string; readonly expiresAtMs: number }>();
  const verify = async (authorization: string | undefined): Promise<string> => {
    const found = await verifier.verify(authorization);
    if (authorization !== undefined) remember(authorization, found);
    return found.service;
  };
  const remember = (key: string, found: { service: string; expiresAtMs: number }): void => {
    if (known.size >= REMEMBERED_MAX) known.delete(known.keys().next().value!);
    known.set(key, found);
  };
  return {
    callerOf(authorization) {
      const found = authorization === undefined ? undefined : known.get(authorization);
      if (!found || !authorization) return verify(authorization);
      if (clock.now() < found.expiresAtMs) return found.service;
      known.delete(authorization);
      return verify(authorization);
    },
  };
}
