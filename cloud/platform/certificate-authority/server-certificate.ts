import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { CertificateAuthority } from './certificate-authority.ts';

/** 397 days: what browsers accept at most. Issued anew at each start. */
const SERVER_VALIDITY_MS = 397 * 86_400_000;
/** What every listener on this machine answers to. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];
/** IPv4, or anything with a colon: no host name has one. */
const ADDRESS = /^\d+(\.\d+){3}$|:/;

export interface ServerCertificate {
  /** PKCS#8, PEM. */
  readonly key: string;
  /**
   * PEM of the chain: the listener's certificate, then the authority's, whose fingerprint a gateway
   * looks for.
   */
  readonly cert: string;
  /** PEM of the authority alone. */
  readonly ca: string;
}

/**
 * A fresh key and certificate for the cloud's own listeners. `names` are host names and addresses
 * beyond loopback's.
 */
export async function issueServerCertificate(
  authority: CertificateAuthority,
  options: { readonly names: readonly string[]; readonly validityMs?: number },
): Promise<ServerCertificate> {
  const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const names = [...new Set([...LOOPBACK_NAMES, ...options.names])];
  const issued = await authority.issue({
    purpose: 'server',
    publicKey: keys.publicKey.export({ type: 'spki', format: 'der' }),
    subject: { commonName: 'Holdfast cloud' },
    names: names.map((value) => ({ type: ADDRESS.test(value) ? 'ip' : 'dns', value })),
    validityMs: options.validityMs ?? SERVER_VALIDITY_MS,
  });
  return {
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `${issued.certificate}${authority.certificate}`,
    ca: authority.certificate,
  };
}
