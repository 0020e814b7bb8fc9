import { createPublicKey, verify } from 'node:crypto';
import { renewalMessage } from '@holdfast/shared/contracts/gateway-identity.ts';
import { sameDigest } from './digest.ts';
import { DAY_MICROS } from './times.ts';

/** A gateway from its claim on. Times are microseconds. */
export interface Gateway {
  readonly id: string;
  readonly tenant: string;
  readonly site: string;
  readonly name: string | null;
  readonly claimSecretDigest: string;
  readonly claimExpiresAt: bigint;
  readonly revokedAt: bigint | null;
  /** Absent until it has enrolled. */
  readonly enrolment: Enrolment | null;
}

export interface Enrolment {
  /** SubjectPublicKeyInfo, DER, base64. */
  readonly publicKey: string;
  /** PEM. */
  readonly certificate: string;
  readonly certificateExpiresAt: bigint;
}

/**
 * A certificate that expired may be renewed for so long: a gateway in a drawer comes back by
 * itself.
 */
export const RENEWAL_AFTER_EXPIRY_MICROS = 400n * DAY_MICROS;

export type EnrolVerdict =
  | { readonly kind: 'enrol' }
  /** The same gateway asks again, as its answer was lost: it gets what it has already. */
  | { readonly kind: 'repeat'; readonly enrolment: Enrolment }
  | { readonly kind: 'wrong' | 'used' | 'expired' | 'revoked' };

export interface EnrolAttempt {
  readonly secretDigest: string;
  /** SubjectPublicKeyInfo, DER, base64. */
  readonly publicKey: string;
  readonly now: bigint;
}

/** May this request use this claim? Who does not know the secret learns nothing about the claim. */
export function judgeEnrolment(gateway: Gateway | undefined, attempt: EnrolAttempt): EnrolVerdict {
  if (!gateway || !sameDigest(gateway.claimSecretDigest, attempt.secretDigest)) {
    return { kind: 'wrong' };
  }
  if (gateway.revokedAt !== null) return { kind: 'revoked' };
  if (gateway.enrolment) {
    // The key of the request is proven by its signature, so this is the one that enrolled.
    if (gateway.enrolment.publicKey !== attempt.publicKey) return { kind: 'used' };
    return { kind: 'repeat', enrolment: gateway.enrolment };
  }
  return attempt.now < gateway.claimExpiresAt ? { kind: 'enrol' } : { kind: 'expired' };
}

export interface RenewalAttempt {
  readonly nonce: string;
  /** DER, base64url. */
  readonly signature: string;
  readonly now: bigint;
}

export type RenewalVerdict =
  | { readonly kind: 'renew'; readonly publicKey: string }
  | { readonly kind: 'unproven' | 'revoked' | 'too-late' };

/** May this gateway have its next certificate? An unknown one and a wrong signature look alike. */
export function judgeRenewal(
  gateway: Gateway | undefined,
  attempt: RenewalAttempt,
): RenewalVerdict {
  const enrolment = gateway?.enrolment;
  if (!gateway || !enrolment || !signed(gateway.id, enrolment, attempt)) {
    return { kind: 'unproven' };
  }
  if (gateway.revokedAt !== null) return { kind: 'revoked' };
  if (attempt.now > enrolment.certificateExpiresAt + RENEWAL_AFTER_EXPIRY_MICROS) {
    return { kind: 'too-late' };
  }
  return { kind: 'renew', publicKey: enrolment.publicKey };
}

function signed(gatewayId: string, enrolment: Enrolment, attempt: RenewalAttempt): boolean {
  const key = createPublicKey({
    key: Buffer.from(enrolment.publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  });
  const message = renewalMessage(gatewayId, attempt.nonce);
  return verify('sha256', message, key, Buffer.from(attempt.signature, 'base64url'));
}
