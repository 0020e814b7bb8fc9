import { createHash, type X509Certificate } from 'node:crypto';
import { AppError } from '@holdfast/shared/lib/app-error.ts';

/**
 * The authority in a server's chain that the claim code's fingerprint names. Its certificate is
 * public, so showing it proves nothing: the server's own certificate must be signed by it. Throws
 * CA_MISMATCH; until this returns, nothing secret is sent.
 */
export function pinnedAuthority(
  chain: readonly X509Certificate[],
  fingerprint: string,
): X509Certificate {
  const authority = chain.find((certificate) => fingerprintOf(certificate) === fingerprint);
  if (!authority) throw mismatch('none of its certificates has the fingerprint of the claim code');
  const leaf = chain[0]!;
  const issued = leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
  if (!authority.ca || leaf.ca || !issued) {
    throw mismatch('it shows the right authority, but its own certificate is not from there');
  }
  return authority;
}

function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('base64url');
}

function mismatch(reason: string): AppError {
  return new AppError('CA_MISMATCH', `this is not the cloud of the claim code: ${reason}`, {
    hint: 'check the address of the cloud; when it is right, somebody may be listening in between',
  });
}
