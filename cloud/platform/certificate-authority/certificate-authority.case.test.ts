import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { Pkcs10CertificateRequestGenerator } from '@holdfast/shared/runtime/x509.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthorityIn } from './authority.fixture.ts';
import type { CertificateAuthority, CertificateOrder } from './certificate-authority.ts';
import { issueServerCertificate } from './server-certificate.ts';

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

interface AuthorityAdapter {
  readonly name: string;
  /** `place` is empty at first; opening it again is a restart. */
  open(place: string): Promise<CertificateAuthority>;
}

const clock = simulatedClock();
const x509: AuthorityAdapter = {
  name: 'x509',
  open: (place) => openAuthorityIn(place, clock),
};

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'holdfast-authority-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

for (const adapter of [x509]) {
  describe(`certificate authority on ${adapter.name}`, () => {
    identityCases(adapter);
    requestCases(adapter);
    issueCases(adapter);
  });
}

function identityCases(adapter: AuthorityAdapter): void {
  it('is one for all who open it at the same time, and after a restart', async () => {
    const opened = await Promise.all([1, 2, 3, 4].map(() => adapter.open(place)));
    const again = await adapter.open(place);
    expect(new Set([...opened, again].map((each) => each.certificate)).size).toBe(1);
    const other = mkdtempSync(join(tmpdir(), 'holdfast-authority-'));
    expect((await adapter.open(other)).fingerprint).not.toBe(again.fingerprint);
    rmSync(other, { recursive: true, force: true });
  });

  it('lives twenty years, can sign leaves only, and is named by the hash of its DER', async () => {
    const authority = await adapter.open(place);
    const own = new X509Certificate(authority.certificate);
    expect(own.ca).toBe(true);
    expect(own.subject).toBe('CN=Holdfast gateway CA');
    expect(own.verify(own.publicKey)).toBe(true);
    expect(own.validToDate.getTime()).toBeGreaterThan(clock.now() + 7_299 * DAY_MS);
    const digest = createHash('sha256').update(own.raw).digest('base64url');
    expect(authority.fingerprint).toBe(digest);
  });

  it('keeps its key where only this user reads it', async () => {
    const authority = await adapter.open(place);
    expect(JSON.stringify(authority)).not.toContain('PRIVATE');
    const [file] = readdirSync(join(place, 'secrets'));
    expect(readFileSync(join(place, 'secrets', file!), 'utf8')).toContain('"key"');
  });
}

function requestCases(adapter: AuthorityAdapter): void {
  const csr = async (algorithm: { name: string; namedCurve: string; hash: string }) => {
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await Pkcs10CertificateRequestGenerator.create({
      keys,
      signingAlgorithm: algorithm,
      name: 'CN=whoever',
    });
    return { keys, request };
  };

  it('reads the key of a request that proves it', async () => {
    const authority = await adapter.open(place);
    const { keys, request } = await csr(ALGORITHM);
    const spki = await crypto.subtle.exportKey('spki', keys.publicKey);
    const read = await authority.readRequest(request.toString('pem'));
    expect(Buffer.from(read).equals(Buffer.from(spki))).toBe(true);
  });

  it('refuses a request that is garbage, unproven or for another kind of key', async () => {
    const authority = await adapter.open(place);
    const { request } = await csr(ALGORITHM);
    const { request: wide } = await csr({ ...ALGORITHM, namedCurve: 'P-384' });
    const forged = Buffer.from(request.rawData);
    forged[forged.length - 1]! ^= 1;
    const label = 'CERTIFICATE REQUEST-----';
    const pem = `-----BEGIN ${label}\n${forged.toString('base64')}\n-----END ${label}\n`;
    for (const text of ['', 'hello', authority.certificate, wide.toString('pem'), pem]) {
      const error = await authority.readRequest(text).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: 'REQUEST_INVALID', fields: [{ pointer: '/csr' }] });
    }
  });
}

function issueCases(adapter: AuthorityAdapter): void {
  const order = (
    publicKey: KeyObject,
    change: Partial<CertificateOrder> = {},
  ): CertificateOrder => ({
    purpose: 'client',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    subject: { commonName: 'gw_1', organization: 'dev, CN=root', organizationalUnit: 'site-1' },
    names: [{ type: 'uri', value: 'urn:holdfast:gateway:dev/site-1/gw_1' }],
    validityMs: 90 * DAY_MS,
    ...change,
  });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it('signs for the named gateway, for clients only and no authority', async () => {
    const authority = await adapter.open(place);
    const issued = await authority.issue(order(keys.publicKey));
    const certificate = new X509Certificate(issued.certificate);
    const own = new X509Certificate(authority.certificate);
    expect(certificate.checkIssued(own)).toBe(true);
    expect(certificate.verify(own.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(keys.privateKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.subjectAltName).toBe('URI:urn:holdfast:gateway:dev/site-1/gw_1');
    expect(certificate.toLegacyObject().subject).toEqual({
      O: 'dev, CN=root',
      OU: 'site-1',
      CN: 'gw_1',
    });
    expect(certificate.serialNumber).toBe(issued.serialNumber);
  });

  it('is valid an hour early and as long as ordered, never longer than the authority', async () => {
    const authority = await adapter.open(place);
    const issued = await authority.issue(order(keys.publicKey));
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.validFromDate.getTime()).toBe(clock.now() - 3_600_000);
    expect(certificate.validToDate.getTime()).toBe(issued.expiresAtMs);
    expect(issued.expiresAtMs).toBe(clock.now() + 90 * DAY_MS);
    const long = await authority.issue(order(keys.publicKey, { validityMs: 1e12 }));
    const own = new X509Certificate(authority.certificate);
    expect(long.expiresAtMs).toBe(own.validToDate.getTime());
  });

  it('never gives a serial number twice', async () => {
    const authority = await adapter.open(place);
    const issued = await Promise.all([1, 2, 3].map(() => authority.issue(order(keys.publicKey))));
    expect(new Set(issued.map((each) => each.serialNumber)).size).toBe(3);
  });

  it('certifies listeners by every name, and shows itself in the chain', async () => {
    const authority = await adapter.open(place);
    const server = await issueServerCertificate(authority, {
      names: ['cloud.example', '192.0.2.7', 'localhost'],
    });
    const certificate = new X509Certificate(server.cert);
    for (const host of ['localhost', 'cloud.example'])
      expect(certificate.checkHost(host)).toBe(host);
    for (const ip of ['127.0.0.1', '::1', '192.0.2.7']) expect(certificate.checkIP(ip)).toBe(ip);
    expect(certificate.checkHost('elsewhere.example')).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(server.cert.endsWith(authority.certificate)).toBe(true);
  });
}
