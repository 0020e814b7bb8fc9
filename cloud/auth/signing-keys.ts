import { assert } from '@holdfast/shared/lib/assert.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import {
  SERVICE_TOKEN_AUDIENCE,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_TTL_SECONDS,
} from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { TokenSigner } from './routes/sessions.ts';

const SECRET_NAME = 'auth/signing-keys';

/** Several keys, so that rotation can overlap: the newest signs, all are published. */
interface StoredKeys {
  readonly version: 1;
  readonly keys: readonly { readonly createdAtMs: number; readonly jwk: JWK }[];
}

export interface SigningKeys extends TokenSigner {
  /** The public keys, as served at /.well-known/jwks.json. */
  readonly jwks: JSONWebKeySet;
  /** A token for the internal port; `service` is a target's name. */
  signService(service: string): Promise<string>;
}

/** Made once for all processes that share `secrets`. */
export async function openSigningKeys(
  runtime: Pick<Runtime, 'clock' | 'random'>,
  secrets: Secrets,
): Promise<SigningKeys> {
  const value = await secrets.ensure(SECRET_NAME, () => createKeys(runtime));
  const stored: StoredKeys = JSON.parse(Buffer.from(value).toString());
  assert(stored.version === 1, 'the stored signing keys have a version that this release knows');
  const newest = stored.keys.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
  assert(newest?.jwk.kid, 'there is a signing key, and it has an id');
  const key = await importJWK(newest.jwk, TOKEN_ALGORITHM);
  const header = { alg: TOKEN_ALGORITHM, kid: newest.jwk.kid, typ: 'JWT' };
  const signFor = (audience: string, subject: string, claims: JWTPayload): Promise<string> => {
    const nowMs = runtime.clock.now();
    const seconds = Math.floor(nowMs / 1000);
    return new SignJWT(claims)
      .setProtectedHeader(header)
      .setSubject(subject)
      .setIssuer(TOKEN_ISSUER)
      .setAudience(audience)
      .setJti(prefixedId('tok', nowMs, runtime.random.bytes(10)))
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + TOKEN_TTL_SECONDS)
      .sign(key);
  };
  return {
    jwks: { keys: stored.keys.map(({ jwk }) => publicPart(jwk)) },
    sign: ({ subject, ...claims }) =>
      signFor(TOKEN_AUDIENCE, subject, {
        tenant: claims.tenant,
        sites: claims.sites,
        roles: claims.roles,
      }),
    signService: (service) => signFor(SERVICE_TOKEN_AUDIENCE, service, {}),
  };
}

async function createKeys({ clock }: Pick<Runtime, 'clock'>): Promise<Uint8Array> {
  const { privateKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  const stored: StoredKeys = {
    version: 1,
    keys: [{ createdAtMs: clock.now(), jwk: { ...jwk, kid } }],
  };
  return Buffer.from(JSON.stringify(stored));
}

/** Named one by one: what is private cannot slip out. */
function publicPart({ kid, kty, crv, x, y }: JWK): JWK {
  return { kid, kty, crv, x, y, alg: TOKEN_ALGORITHM, use: 'sig' } as JWK;
}
