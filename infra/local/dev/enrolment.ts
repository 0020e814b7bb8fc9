import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOnce } from './children.ts';
import { cloudProcess, cloudUrl, gatewayProcess, type House } from './house.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** The development logins that the cloud made at its first start. */
export async function readLogins(house: House): Promise<readonly Login[]> {
  const cloud = cloudProcess(house, ['development-logins']);
  const done = await runOnce(cloud.args, cloud.env);
  if (done.code !== 0) throw new Error(`the development logins cannot be read: ${done.stderr}`);
  return JSON.parse(done.stdout) as Login[];
}

/**
 * Enrols the gateway once, as an installer would: an administrator makes a claim, the gateway
 * redeems it.
 */
export async function enrolOnce(house: House, administrator: Login): Promise<void> {
  if (isEnrolled(house)) return;
  const { accessToken } = await post(house, {
    path: '/v1/auth/token',
    body: { username: administrator.username, password: administrator.password },
  });
  const claim = await post(house, {
    path: '/v1/gateways/claims',
    body: { site: 'site-1' },
    token: accessToken,
  });
  const cloud = cloudUrl(house).replace('http:', 'https:');
  const enrol = gatewayProcess(house, ['enroll', String(claim.claimCode), '--cloud', cloud]);
  const done = await runOnce(enrol.args, enrol.env);
  if (done.code !== 0) throw new Error(`the gateway could not be enrolled: ${done.stderr}`);
}

/** A start that was cut off while it enrolled leaves a file that only holds what is pending. */
export function isEnrolled(house: House): boolean {
  const file = join(gatewayProcess(house, ['enroll']).env.HOLDFAST_DATA_DIR!, 'identity.json');
  return existsSync(file) && 'current' in JSON.parse(readFileSync(file, 'utf8'));
}

interface Call {
  readonly path: string;
  readonly body: unknown;
  readonly token?: string | undefined;
}

async function post(house: House, { path, body, token }: Call): Promise<Record<string, string>> {
  const answer = await fetch(cloudUrl(house) + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, string>;
}
