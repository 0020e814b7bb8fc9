import {
  type EnrolAnswer,
  type EnrolRequest,
  gatewayUri,
  type RenewalRequest,
} from '@holdfast/shared/contracts/gateway-identity.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { formatClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type * as pki from '../../platform/certificate-authority/certificate-authority.ts';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { digestOf } from '../domain/digest.ts';
import {
  type EnrolVerdict,
  type Gateway,
  judgeEnrolment,
  judgeRenewal,
  type RenewalVerdict,
} from '../domain/gateway.ts';
import { checkNonce, makeNonce, NONCE_RANDOM_BYTES, NONCE_TTL_MS } from '../domain/nonce.ts';
import { HOUR_MICROS, rfc3339 } from '../domain/times.ts';
import {
  findByClaim,
  findGateway,
  insertClaim,
  revoke,
  saveEnrolment,
  saveRenewal,
} from '../store/gateways.ts';
import type { AuthTables } from '../store/tables.ts';
import type { Administration } from './administration.ts';

const SECRET_BYTES = 32;

export interface Claim {
  readonly claimCode: string;
  readonly gatewayId: string;
  readonly expiresAt: string;
}

/**
 * How a gateway comes to be: claimed by a person, enrolled by itself, renewed by its key, revoked
 * by a person.
 */
export interface Gateways {
  claim(by: Principal, place: { site: string; name?: string | undefined }): Promise<Claim>;
  enrol(request: EnrolRequest): Promise<EnrolAnswer>;
  nonce(gatewayId: string): { readonly nonce: string; readonly expiresAt: string };
  renew(gatewayId: string, request: RenewalRequest): Promise<EnrolAnswer>;
  revoke(by: Principal, gatewayId: string): Promise<void>;
}

export interface GatewaysOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'steps' | 'log'>;
  readonly sql: Sql<AuthTables>;
  readonly authority: pki.CertificateAuthority;
  /** Where gateways' streams end; asked at each enrolment, as the port may be chosen late. */
  readonly grpcUrl: () => string;
  readonly nonceKey: Uint8Array;
  readonly outbox: Outbox;
  readonly administration: Administration;
  readonly settings: { readonly claimHours: number; readonly gatewayCertificateHours: number };
}

export function createGateways(options: GatewaysOptions): Gateways {
  return {
    claim: (by, place) => claim(options, { by, ...place }),
    enrol: (request) => enrol(options, request),
    nonce: (gatewayId) => drawNonce(options, gatewayId),
    renew: (gatewayId, request) => renew(options, gatewayId, request),
    revoke: (by, gatewayId) => revokeFor(options, by, gatewayId),
  };
}

interface ClaimRequest {
  readonly by: Principal;
  readonly site: string;
  readonly name?: string | undefined;
}

async function claim(options: GatewaysOptions, request: ClaimRequest): Promise<Claim> {
  const { clock, random } = options.runtime;
  const secret = random.bytes(SECRET_BYTES).toString('base64url');
  const claimId = prefixedId('clm', clock.now(), random.bytes(10));
  const gatewayId = prefixedId('gw', clock.now(), random.bytes(10));
  const now = clock.nowMicros();
  const expiresAt = now + BigInt(options.settings.claimHours) * HOUR_MICROS;
  await insertClaim(options.sql, {
    gatewayId,
    tenant: request.by.tenant,
    site: request.site,
    name: request.name ?? null,
    claimId,
    secretDigest: digestOf(secret),
    expiresAt,
    claimedBy: request.by.subject,
    now,
  });
  const { fingerprint } = options.authority;
  const claimCode = formatClaimCode({ id: claimId, secret, fingerprint });
  return { claimCode, gatewayId, expiresAt: rfc3339(expiresAt) };
}

/**
 * Uses the claim. The certificate is signed before the transaction, which decides again: of two
 * requests that race, one wins, and the other gets the same answer when it has the same key.
 */
async function enrol(options: GatewaysOptions, request: EnrolRequest): Promise<EnrolAnswer> {
  const { sql, runtime, authority } = options;
  const secretDigest = digestOf(request.secret);
  const gateway = await sql.read((db) => findByClaim(db, request.claimId));
  // Nobody without the secret makes us parse a request.
  if (!gateway || judgeEnrolment(gateway, attempt('')).kind === 'wrong') throw refusal('wrong');
  const publicKey = Buffer.from(await authority.readRequest(request.csr));
  const early = judgeEnrolment(gateway, attempt(publicKey.toString('base64')));
  if (early.kind === 'repeat') return answerOf(options, gateway, early.enrolment.certificate);
  if (early.kind !== 'enrol') throw refusal(early.kind);
  const issued = await issueFor(options, gateway, publicKey);
  const enrolment = {
    publicKey: publicKey.toString('base64'),
    certificate: issued.certificate,
    certificateExpiresAt: BigInt(issued.expiresAtMs) * 1000n,
  };
  const verdict = await sql.transaction(async (tx) => {
    const present = await findByClaim(tx, request.claimId);
    const final = judgeEnrolment(present, attempt(enrolment.publicKey));
    if (final.kind !== 'enrol') return final;
    await saveEnrolment(tx, { gatewayId: gateway.id, enrolment, now: runtime.clock.nowMicros() });
    return { kind: 'repeat', enrolment } as const;
  });
  runtime.steps.reach('auth.enrolled');
  if (verdict.kind !== 'repeat') throw refusal(verdict.kind);
  const { id: gatewayId, tenant, site } = gateway;
  runtime.log.info({ gatewayId, tenant, site }, 'a gateway has enrolled');
  return answerOf(options, gateway, verdict.enrolment.certificate);

  function attempt(key: string) {
    return { secretDigest, publicKey: key, now: runtime.clock.nowMicros() };
  }
}

function drawNonce({ runtime, nonceKey }: GatewaysOptions, gatewayId: string) {
  const nowMs = runtime.clock.now();
  const random = runtime.random.bytes(NONCE_RANDOM_BYTES);
  const expiresAt = rfc3339(BigInt(Math.floor(nowMs + NONCE_TTL_MS)) * 1000n);
  return { nonce: makeNonce({ key: nonceKey, gatewayId, nowMs }, random), expiresAt };
}

async function renew(
  options: GatewaysOptions,
  gatewayId: string,
  request: RenewalRequest,
): Promise<EnrolAnswer> {
  const { sql, runtime, nonceKey } = options;
  const context = { key: nonceKey, gatewayId, nowMs: runtime.clock.now() };
  const nonce = checkNonce(request.nonce, context);
  if (nonce !== 'valid') throw nonceRefused(nonce);
  const now = runtime.clock.nowMicros();
  const gateway = await sql.read((db) => findGateway(db, gatewayId));
  const verdict = judgeRenewal(gateway, { ...request, now });
  if (verdict.kind !== 'renew') throw renewalRefused(verdict.kind);
  assert(gateway, 'a gateway that may renew is there');
  const issued = await issueFor(options, gateway, Buffer.from(verdict.publicKey, 'base64'));
  const saved = await saveRenewal(sql, {
    gatewayId,
    nonceDigest: digestOf(request.nonce),
    // It is refused by its age from then on; twice the time, as clocks may differ either way.
    nonceExpiresAt: now + 2n * BigInt(NONCE_TTL_MS) * 1000n,
    certificate: issued.certificate,
    certificateExpiresAt: BigInt(issued.expiresAtMs) * 1000n,
    now,
  });
  if (saved === 'nonce-used') throw nonceRefused('used');
  if (saved === 'revoked') throw renewalRefused('revoked');
  return answerOf(options, gateway, issued.certificate);
}

/** One transaction: the row, the event for whoever ends gateways' streams, and the audit row. */
async function revokeFor(
  { administration, outbox, runtime }: GatewaysOptions,
  by: Principal,
  gatewayId: string,
): Promise<void> {
  const { tenant, subject: revokedBy } = by;
  const now = runtime.clock.nowMicros();
  await administration.perform(by, async (tx, done) => {
    const sites = sitesOf(by);
    const revoked = await revoke(tx, { gatewayId, tenant, sites, revokedBy, now });
    if (revoked.kind === 'not-found') {
      throw new AppError('NOT_FOUND', `there is no gateway ${gatewayId}`);
    }
    if (revoked.kind === 'repeat') return;
    const { site } = revoked;
    await outbox.enqueue(tx, {
      ...{ type: 'gateway.revoked.v1', subject: gatewayId, tenant, actor: revokedBy },
      data: { gatewayId, site },
    });
    const resource = { kind: 'gateway', id: gatewayId };
    await done({ action: 'gateway.revoke', resource }, { site });
  });
  runtime.log.info({ gatewayId, tenant, by: revokedBy }, 'a gateway was revoked');
}

function issueFor(options: GatewaysOptions, gateway: Gateway, publicKey: Uint8Array) {
  const { id: gatewayId, tenant, site } = gateway;
  return options.authority.issue({
    purpose: 'client',
    publicKey,
    subject: { commonName: gatewayId, organization: tenant, organizationalUnit: site },
    names: [{ type: 'uri', value: gatewayUri({ tenant, site, gatewayId }) }],
    validityMs: options.settings.gatewayCertificateHours * 3_600_000,
  });
}

function answerOf(options: GatewaysOptions, gateway: Gateway, certificate: string): EnrolAnswer {
  return {
    gatewayId: gateway.id,
    tenant: gateway.tenant,
    site: gateway.site,
    certificate,
    ca: options.authority.certificate,
    grpcUrl: options.grpcUrl(),
  };
}

type Refused<T extends { kind: string }, Good extends string> = Exclude<T['kind'], Good>;

function refusal(kind: Refused<EnrolVerdict, 'enrol' | 'repeat'>): AppError {
  switch (kind) {
    case 'wrong':
      return new AppError('CLAIM_WRONG', 'the claim code is not known here');
    case 'used':
      return new AppError('CLAIM_USED', 'another gateway has used this claim code', {
        hint: 'ask an administrator for a new one, and whether that gateway should be revoked',
      });
    case 'expired':
      return new AppError('CLAIM_EXPIRED', 'the claim code has expired', {
        hint: 'ask an administrator for a new one',
      });
    case 'revoked':
      return new AppError('CERTIFICATE_REJECTED', 'this gateway was revoked');
  }
}

function renewalRefused(kind: Refused<RenewalVerdict, 'renew'>): AppError {
  const messages = {
    unproven: 'the signature is not that of a gateway which is enrolled here',
    revoked: 'this gateway was revoked',
    'too-late': 'the certificate expired more than 400 days ago',
  };
  const hint = 'enrol the gateway again with a new claim code';
  return new AppError('CERTIFICATE_REJECTED', messages[kind], { hint });
}

function nonceRefused(kind: 'unknown' | 'expired' | 'used'): AppError {
  const detail = kind === 'used' ? 'it was used before' : `it is ${kind}`;
  const fields = [{ pointer: '/nonce', detail }];
  return new AppError('REQUEST_INVALID', `/nonce: ${detail}; ask for another`, { fields });
}
