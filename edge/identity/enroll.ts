import { enrolAnswerSchema } from '@holdfast/shared/contracts/gateway-identity.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type ClaimCode, parseClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { presentedChain } from '@holdfast/shared/runtime/outbound.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { CALL_TIMEOUT_MS, callCloud, checkCloudUrl } from './cloud-calls.ts';
import type { GatewayCredentials } from './credentials.ts';
import { checkAnswer, drawKey, signingRequest } from './gateway-key.ts';
import { readIdentity, writeIdentity } from './identity-file.ts';
import { pinnedAuthority } from './pinned-authority.ts';

export interface EnrolOptions {
  readonly claimCode: string;
  /** `https://host:port` of the cloud's HTTP. */
  readonly cloudUrl: string;
  readonly dataDir: string;
  readonly runtime: Pick<Runtime, 'steps'>;
  /** Enrols a gateway that is enrolled: it becomes a new one. What it has buffered stays. */
  readonly again?: boolean;
  readonly timeoutMs?: number;
}

/**
 * Turns a claim code into credentials on this gateway's disk. May be repeated with the same code
 * after any crash or lost answer: it shows the same key, and gets the same certificate. Throws
 * CONFLICT when the gateway is enrolled already, CA_MISMATCH when the server is not the cloud of
 * the claim code (it has learnt nothing then), and what the cloud says.
 */
export async function enroll(options: EnrolOptions): Promise<GatewayCredentials> {
  const code = parsed(options.claimCode);
  checkCloudUrl(options.cloudUrl);
  const { current } = readIdentity(options.dataDir);
  if (current?.claimId === code.id) return current;
  if (current && !options.again) throw alreadyEnrolled(current);
  const key = keyFor(code.id, options);
  const ca = await findAuthority(options, code);
  const answer = await callCloud({
    ...options,
    path: '/v1/gateways/enroll',
    body: { claimId: code.id, secret: code.secret, csr: await signingRequest(key) },
    ca,
    answer: enrolAnswerSchema,
  });
  options.runtime.steps.reach('identity.answered');
  checkAnswer(answer, { key, ca });
  const identity = { ...answer, key, cloudUrl: options.cloudUrl, claimId: code.id };
  const { lastKnownTimeMs } = readIdentity(options.dataDir);
  writeIdentity(options.dataDir, { version: 1, current: identity, lastKnownTimeMs });
  options.runtime.steps.reach('identity.stored');
  return identity;
}

function parsed(claimCode: string): ClaimCode {
  const outcome = parseClaimCode(claimCode);
  if (outcome.kind === 'parsed') return outcome.code;
  throw new AppError('REQUEST_INVALID', `this is no claim code: ${outcome.reason}`, {
    hint: 'copy it whole, as the cloud showed it: clm_….….…',
  });
}

function alreadyEnrolled({ gatewayId, tenant, site }: GatewayCredentials): AppError {
  const message = `this gateway is enrolled already: ${gatewayId} at ${tenant}/${site}`;
  return new AppError('CONFLICT', message, {
    hint: 'enrol with --again to make it a new gateway; what it has buffered stays',
  });
}

/** On the disk before the claim is used: whoever used it can then always show the same key. */
function keyFor(claimId: string, { dataDir, runtime }: EnrolOptions): string {
  const file = readIdentity(dataDir);
  if (file.pending?.claimId === claimId) return file.pending.key;
  const key = drawKey();
  writeIdentity(dataDir, { ...file, pending: { claimId, key } });
  runtime.steps.reach('identity.key-stored');
  return key;
}

async function findAuthority(options: EnrolOptions, code: ClaimCode): Promise<string> {
  const timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
  const chain = await presentedChain({ url: options.cloudUrl, timeoutMs });
  return pinnedAuthority(chain, code.fingerprint).toString();
}
