import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { type Principal, ROLES, type Role } from '../contracts/roles.ts';
import { AppError } from '../lib/app-error.ts';
import { type Clock, withDeadline } from './clock.ts';
import { requestJson } from './outbound.ts';

/**
 * Access tokens: who issues them, for whom, and how (architecture §9). Nothing but ES256 is
 * accepted.
 */
export const TOKEN_ISSUER = 'holdfast';
export const TOKEN_AUDIENCE = 'holdfast';
/** Of services' tokens, which are good on the internal port only. */
export const SERVICE_TOKEN_AUDIENCE = 'holdfast-internal';
export const TOKEN_ALGORITHM = 'ES256';
export const TOKEN_TTL_SECONDS = 600;

/** For clocks of two machines that differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5;
const TOKEN_CHARS_MAX = 8_192;
const KEYS_FRESH_MS = 300_000;
/**
 * An unknown key id asks for the keys at most this often: forged tokens must not become requests to
 * `auth`.
 */
const REFETCH_GAP_MS = 10_000;
const FETCH_TIMEOUT_MS = 5_000;
/** Verified tokens that are remembered; beyond it the one that was unused for longest goes. */
const TOKENS_REMEMBERED_MAX = 10_000;

/** Every site of the tenant. */
const ALL_SITES = '*';

export interface TokenVerifier {
  /**
   * The principal of `Authorization: Bearer …`. Throws TOKEN_MISSING, TOKEN_INVALID, or UNAVAILABLE
   * without keys.
   */
  verify(authorizationHeader: string | undefined): Promise<Principal>;
}

export interface TokenVerifierOptions {
  /** Where the public keys come from: `auth` in this process, or `fetchJwks`. */
  readonly jwks: () => Promise<JSONWebKeySet>;
  readonly clock: Clock;
  /** TOKENS_REMEMBERED_MAX when it is absent. */
  readonly rememberedMax?: number;
}

const claimsSchema = z.object({
  sub: z.string().min(1),
  tenant: z.string().min(1),
  sites: z.array(z.string().min(1)),
  roles: z.array(z.enum(ROLES)),
  jti: z.string().min(1),
});

const serviceClaimsSchema = z.object({ sub: z.string().min(1), exp: z.number() });

export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const check = createTokenCheck(options, { audience: TOKEN_AUDIENCE, read: principalOf });
  return { verify: async (header) => check(bearerToken(header)) };
}

export interface ServiceTokenVerifier {
  /** The service of `Authorization: Bearer …`; throws what a TokenVerifier throws. */
  verify(
    authorizationHeader: string | undefined,
  ): Promise<{ readonly service: string; readonly expiresAtMs: number }>;
}

/** For the internal port: a user's token is as good as none there, and the other way round. */
export function createServiceTokenVerifier(options: TokenVerifierOptions): ServiceTokenVerifier {
  const read = (payload: JWTPayload) => {
    const claims = serviceClaimsSchema.safeParse(payload);
    if (!claims.success) throw tokenInvalid(claims.error);
    return { service: claims.data.sub, expiresAtMs: claims.data.exp * 1000 };
  };
  const check = createTokenCheck(options, { audience: SERVICE_TOKEN_AUDIENCE, read });
  return { verify: async (header) => check(bearerToken(header)) };
}

/**
 * A token that was verified is remembered until it expires, or until the keys are read again: a key
 * that was taken back is no good any more from then on, whoever was verified by it.
 */
function createTokenCheck<T>(
  options: TokenVerifierOptions,
  { audience, read }: { readonly audience: string; readonly read: (payload: JWTPayload) => T },
): (token: string) => Promise<T> {
  const keys = createKeyCache(options);
  const remembered = rememberTokens<T>(options);
  const check = async (token: string, keySet: KeySet): Promise<JWTPayload> => {
    const keyOf: JWTVerifyGetKey = (header, input) => {
      // Without a key id the one key of a young installation would fit, and stop fitting at the
      // first rotation.
      if (header.kid === undefined) throw new errors.JWSInvalid('the key id is missing');
      return keySet.keyOf(header, input);
    };
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: [TOKEN_ALGORITHM],
      issuer: TOKEN_ISSUER,
      audience,
      requiredClaims: ['exp', 'iat'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(options.clock.now()),
    });
    return payload;
  };
  return async (token) => {
    let keySet = await keys.current();
    const known = remembered.find(token, keySet);
    if (known) return known.content;
    const payload = await check(token, keySet)
      .catch(async (cause: unknown) => {
        if (!(cause instanceof errors.JWKSNoMatchingKey)) throw cause;
        // The key may be newer than the cache: `auth` rotates by overlap.
        keySet = await keys.refetched();
        return check(token, keySet);
      })
      .catch((cause: unknown) => {
        throw tokenInvalid(cause);
      });
    const content = read(payload);
    remembered.add(token, { content, keySet, expiresAtSeconds: payload.exp! });
    return content;
  };
}

interface RememberedToken<T> {
  readonly content: T;
  readonly keySet: KeySet;
  readonly expiresAtSeconds: number;
}

/** In the order of their last use: a Map keeps the order of insertion. */
function rememberTokens<T>({
  clock,
  rememberedMax = TOKENS_REMEMBERED_MAX,
}: Pick<TokenVerifierOptions, 'clock' | 'rememberedMax'>) {
  const tokens = new Map<string, RememberedToken<T>>();
  return {
    find(token: string, keySet: KeySet): RememberedToken<T> | undefined {
      const known = tokens.get(token);
      if (!known) return undefined;
      tokens.delete(token);
      const isOver = clock.now() / 1000 >= known.expiresAtSeconds + CLOCK_TOLERANCE_SECONDS;
      if (isOver || known.keySet !== keySet) return undefined;
      tokens.set(token, known);
      return known;
    },
    add(token: string, known: RememberedToken<T>): void {
      tokens.set(token, known);
      if (tokens.size > rememberedMax) tokens.delete(tokens.keys().next().value!);
    },
  };
}

/** The public keys of `auth` in another process. */
export async function fetchJwks(options: {
  readonly url: string;
  /** PEM; replaces the system's roots. */
  readonly ca?: string;
}): Promise<JSONWebKeySet> {
  const answer = await requestJson({ ...options, timeoutMs: FETCH_TIMEOUT_MS });
  const parsed = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });
  const keySet = parsed.safeParse(answer.body);
  if (answer.status === 200 && keySet.success) return keySet.data;
  const message = `no signing keys at ${options.url} (status ${answer.status})`;
  throw new AppError('UNAVAILABLE', message, { operatorOnly: true });
}

export function requireRole(principal: Principal, roles: readonly Role[]): void {
  if (principal.roles.some((role) => roles.includes(role))) return;
  throw new AppError('FORBIDDEN', `this needs the role ${roles.join(' or ')}`);
}

export function allowsSite(principal: Principal, site: string): boolean {
  return principal.sites.includes(ALL_SITES) || principal.sites.includes(site);
}

export function requireSite(principal: Principal, site: string): void {
  if (allowsSite(principal, site)) return;
  throw new AppError('FORBIDDEN', `your roles do not cover the site ${site}`);
}

/** For queries: the sites that the principal may see, or `all` of its tenant. */
export function sitesOf(principal: Principal): 'all' | readonly string[] {
  return principal.sites.includes(ALL_SITES) ? 'all' : principal.sites;
}

function bearerToken(header: string | undefined): string {
  if (header === undefined || header === '') {
    throw new AppError('TOKEN_MISSING', 'send an access token as Authorization: Bearer …');
  }
  const token = /^Bearer ([A-Za-z0-9_.-]+)$/i.exec(header)?.[1];
  if (token === undefined || token.length > TOKEN_CHARS_MAX) {
    throw new AppError('TOKEN_INVALID', 'the Authorization header is not a bearer token');
  }
  return token;
}

function principalOf(payload: JWTPayload): Principal {
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) throw tokenInvalid(claims.error);
  const { sub, tenant, sites, roles } = claims.data;
  return { subject: sub, tenant, sites, roles };
}

/** The reason is named for the sender's sake; which key or claim was expected is not. */
function tokenInvalid(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const message =
    cause instanceof errors.JWTExpired
      ? 'the access token has expired'
      : 'the access token is not valid';
  return new AppError('TOKEN_INVALID', message, { cause });
}

/** The keys of one reading, imported once. */
interface KeySet {
  readonly keyOf: ReturnType<typeof createLocalJWKSet>;
}

interface KeyCache {
  current(): Promise<KeySet>;
  refetched(): Promise<KeySet>;
}

/** One fetch at a time; keys that are stale are better than none while `auth` is away (I4). */
function createKeyCache({ jwks, clock }: TokenVerifierOptions): KeyCache {
  let held: { keys: KeySet; at: number } | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<KeySet> | undefined;
  const late = (): Error =>
    new AppError('UNAVAILABLE', `no signing keys within ${FETCH_TIMEOUT_MS} ms`, {
      operatorOnly: true,
    });
  const fetchOnce = async (): Promise<KeySet> => {
    askedAt = clock.monotonicMs();
    try {
      const read = await withDeadline(jwks(), { clock, ms: FETCH_TIMEOUT_MS, late });
      const keys = { keyOf: createLocalJWKSet(read) };
      held = { keys, at: clock.monotonicMs() };
      return keys;
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError('UNAVAILABLE', 'the signing keys cannot be read', {
        cause,
        operatorOnly: true,
      });
    } finally {
      fetching = undefined;
    }
  };
  const fetch = (): Promise<KeySet> => {
    fetching ??= fetchOnce();
    return fetching;
  };
  const sinceMs = (then: number): number => clock.monotonicMs() - then;
  return {
    async current() {
      if (!held) return fetch();
      if (sinceMs(held.at) < KEYS_FRESH_MS || sinceMs(askedAt) < REFETCH_GAP_MS) return held.keys;
      const stale = held.keys;
      return fetch().catch(() => stale);
    },
    async refetched() {
      if (fetching) return fetching;
      if (held && sinceMs(askedAt) < REFETCH_GAP_MS) return held.keys;
      return fetch();
    },
  };
}
