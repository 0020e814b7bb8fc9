import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import type { Secrets } from '../platform/secrets/secrets.ts';

export interface TokenChanges {
  readonly audience?: string;
  readonly issuedMsAgo?: number;
  /** By a key of nobody, under the id of the cloud's. */
  readonly forged?: boolean;
}

const TOKEN_SECONDS = 600;

/** An access token as `auth` signs it, but for what `changes` says. */
export async function signToken(
  secrets: Secrets,
  { subject, ...claims }: Principal,
  { audience = 'holdfast', issuedMsAgo = 0, forged = false }: TokenChanges = {},
): Promise<string> {
  const stored = Buffer.from((await secrets.read('auth/signing-keys'))!).toString();
  const { jwk } = JSON.parse(stored).keys.at(-1) as { jwk: JWK };
  const seconds = Math.floor((Date.now() - issuedMsAgo) / 1000);
  const key = forged ? (await generateKeyPair('ES256')).privateKey : await importJWK(jwk, 'ES256');
  return new SignJWT({ ...claims, jti: `tok_${seconds}` })
    .setProtectedHeader({ alg: 'ES256', kid: jwk.kid! })
    .setSubject(subject)
    .setIssuer('holdfast')
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + TOKEN_SECONDS)
    .sign(key);
}
