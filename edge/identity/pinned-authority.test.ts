import { createHash, X509Certificate } from 'node:crypto';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import {
  BasicConstraintsExtension,
  X509CertificateGenerator,
} from '@holdfast/shared/runtime/x509.ts';
import { beforeAll, expect, it } from 'vitest';
import { pinnedAuthority } from './pinned-authority.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * A server's certificate and its authority's. Every authority here has the same name, as a forger
 * would choose.
 */
async function drawChain(): Promise<[X509Certificate, X509Certificate]> {
  const draw = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const [keys, leafKeys] = [await draw(), await draw()];
  const times = {
    notBefore: new Date(systemClock.now() - 60_000),
    notAfter: new Date(systemClock.now() + 3_600_000),
  };
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...times,
    keys,
    name: 'CN=The authority',
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const leaf = await X509CertificateGenerator.create({
    ...times,
    subject: 'CN=A server',
    issuer: authority.subject,
    publicKey: leafKeys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHM,
  });
  return [
    new X509Certificate(leaf.toString('pem')),
    new X509Certificate(authority.toString('pem')),
  ];
}

let ours: [X509Certificate, X509Certificate];
let theirs: [X509Certificate, X509Certificate];
beforeAll(async () => {
  ours = await drawChain();
  theirs = await drawChain();
});

const fingerprint = (): string => createHash('sha256').update(ours[1].raw).digest('base64url');

it('finds the authority whose fingerprint is pinned', () => {
  expect(pinnedAuthority(ours, fingerprint()).raw.equals(ours[1].raw)).toBe(true);
});

it('refuses a server that only shows the certificate of the right authority', () => {
  for (const [index, forged] of [
    [],
    theirs,
    [theirs[0], ours[1]],
    [theirs[0], theirs[1], ours[1]],
    [theirs[0], ours[0], ours[1]],
    [ours[0]],
    [ours[1]],
    [ours[1], theirs[1]],
  ].entries()) {
    expect(() => pinnedAuthority(forged, fingerprint()), `chain ${index}`).toThrow(
      expect.objectContaining({ code: 'CA_MISMATCH' }),
    );
  }
});
