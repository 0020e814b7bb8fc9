import { createHash, type webcrypto, X509Certificate } from 'node:crypto';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import * as x509 from '@holdfast/shared/runtime/x509.ts';
import type {
  CertificateAuthority,
  CertificateOrder,
  IssuedCertificate,
} from './certificate-authority.ts';

const SECRET_NAME = 'gateway-ca';
const COMMON_NAME = 'Holdfast gateway CA';
const AUTHORITY_VALIDITY_MS = 20 * 365 * 86_400_000;
/** Clocks of two machines may differ: a new certificate is already valid on a slower one. */
const BACKDATED_MS = 3_600_000;
const SERIAL_BYTES = 16;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface X509AuthorityOptions {
  /** The `secrets` port, as far as it is needed: a value that is made once for all processes. */
  readonly secrets: {
    ensure(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  };
  readonly clock: Clock;
  readonly random: Random;
}

interface StoredAuthority {
  readonly version: 1;
  /** PKCS#8, base64. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

/**
 * The authority's key and certificate lie in `secrets` as one value, made by whoever opens it
 * first.
 */
export async function openX509Authority(
  options: X509AuthorityOptions,
): Promise<CertificateAuthority> {
  const value = await options.secrets.ensure(SECRET_NAME, () => createAuthority(options));
  const stored: StoredAuthority = JSON.parse(Buffer.from(value).toString());
  assert(stored.version === 1, 'the stored authority has a version that this release knows');
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    Buffer.from(stored.key, 'base64'),
    ALGORITHM,
    false,
    ['sign'],
  );
  const own = new X509Certificate(stored.certificate);
  return {
    certificate: stored.certificate,
    fingerprint: createHash('sha256').update(own.raw).digest('base64url'),
    readRequest,
    issue: (order) => issue(order, { ...options, own, signingKey }),
  };
}

async function createAuthority({ clock, random }: X509AuthorityOptions): Promise<Uint8Array> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [COMMON_NAME] }],
    keys,
    signingAlgorithm: ALGORITHM,
    serialNumber: serialNumber(random),
    notBefore: new Date(clock.now() - BACKDATED_MS),
    notAfter: new Date(clock.now() + AUTHORITY_VALIDITY_MS),
    extensions: [
      // Path length 0: what it signs can sign nothing.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  const stored: StoredAuthority = {
    version: 1,
    key: Buffer.from(pkcs8).toString('base64'),
    certificate: `${certificate.toString('pem')}\n`,
  };
  return Buffer.from(JSON.stringify(stored));
}

async function readRequest(csrPem: string): Promise<Uint8Array> {
  const request = parseRequest(csrPem);
  const algorithm = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') {
    throw requestInvalid('the key must be EC P-256');
  }
  const proven = await request.verify().catch((cause: unknown) => {
    throw requestInvalid('the signature cannot be checked', cause);
  });
  if (!proven) throw requestInvalid('the signature does not fit the key');
  return new Uint8Array(request.publicKey.rawData);
}

function parseRequest(csrPem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(csrPem);
  } catch (cause) {
    throw requestInvalid('it is not a PKCS#10 request in PEM', cause);
  }
}

function requestInvalid(detail: string, cause?: unknown): AppError {
  const fields = [{ pointer: '/csr', detail }];
  return new AppError('REQUEST_INVALID', `/csr: ${detail}`, { fields, cause });
}

interface Signer extends X509AuthorityOptions {
  readonly own: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

async function issue(order: CertificateOrder, signer: Signer): Promise<IssuedCertificate> {
  const serial = serialNumber(signer.random);
  // A certificate that outlives its authority would fail at the peer, with an error that nobody
  // understands.
  const expiresAtMs = wholeSeconds(
    Math.min(signer.clock.now() + order.validityMs, signer.own.validToDate.getTime()),
  );
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subjectName(order.subject),
    issuer: [{ CN: [COMMON_NAME] }],
    publicKey: order.publicKey.slice(),
    signingKey: signer.signingKey,
    signingAlgorithm: ALGORITHM,
    serialNumber: serial,
    notBefore: new Date(signer.clock.now() - BACKDATED_MS),
    notAfter: new Date(expiresAtMs),
    extensions: await leafExtensions(order, signer.own),
  });
  const pem = `${certificate.toString('pem')}\n`;
  return { certificate: pem, serialNumber: serial.toUpperCase(), expiresAtMs };
}

async function leafExtensions(order: CertificateOrder, own: X509Certificate) {
  const purpose =
    order.purpose === 'client'
      ? x509.ExtendedKeyUsage.clientAuth
      : x509.ExtendedKeyUsage.serverAuth;
  const names = order.names.map(
    ({ type, value }) => ({ type: type === 'uri' ? 'url' : type, value }) as const,
  );
  const authorityKey = own.publicKey.export({ type: 'spki', format: 'der' });
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([purpose]),
    new x509.SubjectAlternativeNameExtension(names),
    await x509.SubjectKeyIdentifierExtension.create(order.publicKey.slice()),
    await x509.AuthorityKeyIdentifierExtension.create(new Uint8Array(authorityKey)),
  ];
}

/** As a structure, never as text: a name with a comma stays one name. */
function subjectName(subject: CertificateOrder['subject']) {
  const parts: Record<string, string[]>[] = [];
  if (subject.organization !== undefined) parts.push({ O: [subject.organization] });
  if (subject.organizationalUnit !== undefined) parts.push({ OU: [subject.organizationalUnit] });
  return [...parts, { CN: [subject.commonName] }];
}

/** Positive and without a leading zero byte, as RFC 5280 §4.1.2.2 asks. */
function serialNumber(random: Random): string {
  const bytes = random.bytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** X.509 times have no fractions. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
