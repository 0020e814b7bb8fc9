/**
 * A claim code is `id.secret.fingerprint`: a person carries it from the cloud to the gateway. The
 * fingerprint is the SHA-256 of the authority's certificate (DER), so that the gateway knows the
 * cloud before it tells the secret.
 */
export interface ClaimCode {
  readonly id: string;
  /** 32 random bytes, base64url. */
  readonly secret: string;
  /** 32 bytes, base64url. */
  readonly fingerprint: string;
}

const ID = /^clm_[0-9a-f-]{36}$/;
/** 32 bytes in base64url without padding. */
const THIRTY_TWO_BYTES = /^[A-Za-z0-9_-]{43}$/;

export function formatClaimCode(code: ClaimCode): string {
  return `${code.id}.${code.secret}.${code.fingerprint}`;
}

export type ParsedClaimCode =
  | { readonly kind: 'parsed'; readonly code: ClaimCode }
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * Forgives what copying adds (spaces and line ends around and inside), nothing else. The reason
 * never quotes the secret.
 */
export function parseClaimCode(text: string): ParsedClaimCode {
  const parts = text.replaceAll(/\s/g, '').split('.');
  const [id, secret, fingerprint] = parts;
  if (parts.length !== 3 || !id || !secret || !fingerprint) {
    return malformed(`it has ${parts.length} of the 3 parts id.secret.fingerprint`);
  }
  if (!ID.test(id)) return malformed('its first part is not a claim id (clm_…)');
  if (!THIRTY_TWO_BYTES.test(secret)) return malformed('its second part is not whole');
  if (!THIRTY_TWO_BYTES.test(fingerprint)) return malformed('its third part is not whole');
  return { kind: 'parsed', code: { id, secret, fingerprint } };
}

function malformed(reason: string): ParsedClaimCode {
  return { kind: 'malformed', reason };
}
