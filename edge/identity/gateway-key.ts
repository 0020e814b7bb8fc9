import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
} from 'node:crypto';
import { type EnrolAnswer, renewalMessage } from '@holdfast/shared/contracts/gateway-identity.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';

/** The gateway's own key: EC P-256, PKCS#8 in PEM. It never leaves the gateway. */
export function drawKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** PKCS#10 in PEM. It proves the key; who the gateway is, the cloud says. */
export async function signingRequest(keyPem: string): Promise<string> {
  // Loaded when it is needed: a gateway enrols once, and starts often.
  const x509 = await import('@holdfast/shared/runtime/x509.ts');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const privateKey = createPrivateKey(keyPem);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['holdfast-gateway'] }],
    keys: {
      privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']),
      publicKey: createPublicKey(keyPem).toCryptoKey(algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
  });
  return `${request.toString('pem')}\n`;
}

/** DER in base64url. */
export function signRenewal(
  keyPem: string,
  { gatewayId, nonce }: { readonly gatewayId: string; readonly nonce: string },
): string {
  return sign('sha256', renewalMessage(gatewayId, nonce), keyPem).toString('base64url');
}

/**
 * Before it replaces anything: the certificate is for this key, and from the authority that is
 * trusted already.
 */
export function checkAnswer(answer: EnrolAnswer, trusted: { key: string; ca: string }): void {
  const certificate = new X509Certificate(answer.certificate);
  const authority = new X509Certificate(trusted.ca);
  const sameAuthority = new X509Certificate(answer.ca).raw.equals(authority.raw);
  if (!sameAuthority || !certificate.verify(authority.publicKey)) {
    throw new AppError('CA_MISMATCH', 'the certificate is not from the authority that is pinned');
  }
  if (!certificate.checkPrivateKey(createPrivateKey(trusted.key))) {
    throw new AppError('CERTIFICATE_REJECTED', 'the certificate is for another key than ours');
  }
}
