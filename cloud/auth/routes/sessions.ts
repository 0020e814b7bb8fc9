import { createHash } from 'node:crypto';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { TOKEN_TTL_SECONDS } from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { digestOf } from '../domain/digest.ts';
import { DAY_MICROS } from '../domain/times.ts';
import { maySignIn, type User } from '../domain/user.ts';
import { endSession, insertFamily, rotateToken } from '../store/refresh-tokens.ts';
import { countFailure, failureCount } from '../store/sign-in-failures.ts';
import type { AuthTables } from '../store/tables.ts';
import { findUserByName } from '../store/users.ts';

const REFRESH_RANDOM_BYTES = 32;
const FAILURE_WINDOW_MS = 60_000;

export interface Tokens {
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  readonly expiresInSeconds: number;
  /** Good once: a refresh gives the next one. */
  readonly refreshToken: string;
}

export interface SignIn {
  readonly username: string;
  readonly password: string;
  /** Of the client; failed sign-ins are counted per user name and address, and per user name. */
  readonly address: string;
}

export interface Sessions {
  /** Throws CREDENTIALS_WRONG, or RATE_LIMITED after too many failures. */
  signIn(request: SignIn): Promise<Tokens>;
  /**
   * Throws TOKEN_INVALID; when the token was used before, the session has ended for everybody who
   * holds a part of it.
   */
  refresh(refreshToken: string): Promise<Tokens>;
  /** Ends the session of the token, used or not; one that is not known changes nothing. */
  signOut(refreshToken: string): Promise<void>;
}

/** Signs access tokens. */
export interface TokenSigner {
  sign(principal: Principal): Promise<string>;
}

export interface PasswordCheck {
  /** Takes as long for a user who does not exist (`undefined`) as for one who does. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

export interface SessionsOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'metrics' | 'log'>;
  readonly sql: Sql<AuthTables>;
  readonly keys: TokenSigner;
  readonly passwords: PasswordCheck;
  readonly settings: {
    readonly developmentUsers: boolean;
    readonly refreshDays: number;
    readonly signInFailuresPerMinuteMax: number;
    readonly signInFailuresPerUserMax: number;
  };
}

export function createSessions(options: SessionsOptions): Sessions {
  const { runtime, sql, passwords, settings } = options;
  const outcomes = runtime.metrics.counter(
    'holdfast_auth_sign_ins_total',
    'Sign-ins and refreshes by outcome.',
    ['outcome'],
  );
  const drawToken = () => `rft_${runtime.random.bytes(REFRESH_RANDOM_BYTES).toString('base64url')}`;

  return {
    async signIn({ username, password, address }) {
      const limits = failureLimits(settings, { username, address });
      await refuseWhenLimited(options, limits);
      const user = await findUserByName(sql, username);
      const proven = await passwords.verify(password, user?.passwordHash);
      // Asked again: of many guesses sent at once, those beyond the limit learn nothing, not even
      // the right one.
      await refuseWhenLimited(options, limits);
      if (!user || !proven || !maySignIn(user, settings)) {
        outcomes.add(1, { outcome: 'wrong' });
        const now = runtime.clock.nowMicros();
        const windowMicros = BigInt(FAILURE_WINDOW_MS) * 1000n;
        for (const { key } of limits) await countFailure(sql, { key, now, windowMicros });
        throw new AppError('CREDENTIALS_WRONG', 'the user name or the password is wrong');
      }
      const refreshToken = drawToken();
      await insertFamily(sql, newFamily(options, user, refreshToken));
      outcomes.add(1, { outcome: 'signed-in' });
      return tokensOf(options.keys, user, refreshToken);
    },
    async refresh(presented) {
      const refreshToken = drawToken();
      const outcome = await rotateToken(sql, {
        digest: digestOf(presented),
        nextDigest: digestOf(refreshToken),
        now: runtime.clock.nowMicros(),
        mayGoOn: (user) => maySignIn(user, settings),
      });
      outcomes.add(1, { outcome: outcome.kind === 'rotated' ? 'refreshed' : outcome.kind });
      if (outcome.kind === 'rotated') return tokensOf(options.keys, outcome.user, refreshToken);
      if (outcome.kind === 'reused') {
        const { userId } = outcome;
        runtime.log.warn({ userId }, 'a refresh token was used twice; its session has ended');
      }
      const reason = outcome.kind === 'reused' ? 'was used before' : 'is not valid';
      throw new AppError('TOKEN_INVALID', `the refresh token ${reason}; sign in again`);
    },
    signOut: (presented) =>
      endSession(sql, { digest: digestOf(presented), now: runtime.clock.nowMicros() }),
  };
}

interface FailureLimit {
  readonly key: string;
  readonly max: number;
}

/**
 * From one address, and from all of them: who guesses from many addresses is slowed down, and can
 * keep the user out for no longer than they go on.
 */
function failureLimits(
  settings: SessionsOptions['settings'],
  { username, address }: { readonly username: string; readonly address: string },
): readonly FailureLimit[] {
  return [
    { key: failureKey(username, address), max: settings.signInFailuresPerMinuteMax },
    { key: failureKey(username, 'anywhere'), max: settings.signInFailuresPerUserMax },
  ];
}

async function refuseWhenLimited(
  { sql, runtime }: SessionsOptions,
  limits: readonly FailureLimit[],
): Promise<void> {
  const now = runtime.clock.nowMicros();
  const counts = await Promise.all(limits.map(({ key }) => failureCount(sql, { key, now })));
  if (limits.every(({ max }, at) => counts[at]! < max)) return;
  throw new AppError('RATE_LIMITED', 'too many failed sign-ins; wait a minute', {
    retryAfterMs: FAILURE_WINDOW_MS,
  });
}

/** Hashed: a user name may be as long as it likes, and is personal. */
function failureKey(username: string, address: string): string {
  return createHash('sha256').update(`${address}\n${username}`).digest('base64url');
}

function newFamily({ runtime, settings }: SessionsOptions, user: User, refreshToken: string) {
  const now = runtime.clock.nowMicros();
  return {
    familyId: prefixedId('ses', runtime.clock.now(), runtime.random.bytes(10)),
    userId: user.id,
    digest: digestOf(refreshToken),
    now,
    expiresAt: now + BigInt(settings.refreshDays) * DAY_MICROS,
  };
}

async function tokensOf(keys: TokenSigner, user: User, refreshToken: string): Promise<Tokens> {
  const { id, tenant, sites, roles } = user;
  const principal: Principal = { subject: id, tenant, sites, roles };
  return {
    accessToken: await keys.sign(principal),
    tokenType: 'Bearer',
    expiresInSeconds: TOKEN_TTL_SECONDS,
    refreshToken,
  };
}
