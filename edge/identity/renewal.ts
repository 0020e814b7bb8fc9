import { X509Certificate } from 'node:crypto';
import {
  enrolAnswerSchema,
  nonceAnswerSchema,
} from '@holdfast/shared/contracts/gateway-identity.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { callCloud } from './cloud-calls.ts';
import type { GatewayCredentials } from './credentials.ts';
import { checkAnswer, signRenewal } from './gateway-key.ts';
import { type Identity, readIdentity, writeIdentity } from './identity-file.ts';

/**
 * Looked at so often at least: clocks are set, machines sleep, and timers cannot wait for months.
 */
const CHECK_EVERY_MS = 3_600_000;
/**
 * From this part of its lifetime on a certificate is renewed, up to a twentieth earlier, so that a
 * fleet spreads.
 */
const RENEW_AFTER = 2 / 3;
const SPREAD = 1 / 20;
const RETRY_DELAY_MS_MIN = 30_000;
const RETRY_DELAY_MS_MAX = 3_600_000;

export interface RenewalOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'log' | 'steps'>;
  readonly dataDir: string;
  /** Where the cloud answers, when it moved since the gateway enrolled. */
  readonly cloudUrl?: string | undefined;
  /** The uplink goes on with these. */
  readonly onRenewed: (credentials: GatewayCredentials) => void;
  readonly timeoutMs?: number;
}

export interface Renewal {
  readonly module: Module;
  /**
   * What the cloud said the time is. Certificates are judged by the later of this and the system
   * clock.
   */
  noteTime(unixMs: number): void;
  /**
   * The later of the system clock and the last time that the cloud told, milliseconds since 1970.
   */
  now(): number;
}

/**
 * Keeps the certificate of an enrolled gateway fresh; one that has expired is renewed too, as the
 * key proves who asks.
 */
export function openRenewal(options: RenewalOptions): Renewal {
  const { clock, random, log } = options.runtime;
  const spread = random.fraction() * SPREAD;
  let timer: Timer | undefined;
  let stopped = false;
  let attempts = 0;
  let failure: string | undefined;
  let lastKnownMs = 0;

  const now = (): number => Math.max(clock.now(), lastKnownMs);
  const schedule = (ms: number): void => {
    if (!stopped) timer = clock.after(Math.min(ms, CHECK_EVERY_MS), () => void check());
  };
  const check = async (): Promise<void> => {
    try {
      const identity = readIdentity(options.dataDir).current;
      const dueInMs = identity ? dueAt(identity, spread) - now() : CHECK_EVERY_MS;
      if (!identity || dueInMs > 0) return schedule(dueInMs);
      const renewed = await renew(identity, options);
      if (stopped) return;
      attempts = 0;
      failure = undefined;
      if (save(options.dataDir, renewed, lastKnownMs)) options.onRenewed(renewed);
      schedule(CHECK_EVERY_MS);
    } catch (cause) {
      const reason = cause instanceof AppError ? cause.message : String(cause);
      failure = `the certificate was not renewed: ${reason}`;
      log.warn({ err: cause, attempts }, 'the certificate was not renewed; trying again later');
      schedule(retryDelayMs(attempts++, random.fraction()));
    }
  };

  return {
    module: {
      name: 'certificate-renewal',
      needs: [],
      async start() {
        lastKnownMs = Math.max(lastKnownMs, readIdentity(options.dataDir).lastKnownTimeMs);
        // Not awaited: a cloud that is away must not keep the gateway from starting.
        schedule(0);
      },
      async stop() {
        stopped = true;
        timer?.cancel();
      },
      degraded: () => failure,
    },
    now,
    noteTime(unixMs) {
      if (unixMs < lastKnownMs + CHECK_EVERY_MS) return;
      lastKnownMs = unixMs;
      const file = readIdentity(options.dataDir);
      if (file.lastKnownTimeMs < unixMs) {
        writeIdentity(options.dataDir, { ...file, lastKnownTimeMs: unixMs });
      }
    },
  };
}

/** Until when the certificate is good, and whether it still is at `nowMs`. */
export function certificateValidity(
  { certificate }: Pick<GatewayCredentials, 'certificate'>,
  nowMs: number,
): { readonly expiresAtMs: number; readonly expired: boolean } {
  const expiresAtMs = new X509Certificate(certificate).validToDate.getTime();
  return { expiresAtMs, expired: nowMs >= expiresAtMs };
}

function dueAt({ certificate }: Identity, spread: number): number {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  const lifetimeMs = validToDate.getTime() - validFromDate.getTime();
  return validFromDate.getTime() + lifetimeMs * (RENEW_AFTER - spread);
}

async function renew(identity: Identity, options: RenewalOptions): Promise<Identity> {
  const { gatewayId, ca, key } = identity;
  const cloudUrl = options.cloudUrl ?? identity.cloudUrl;
  const path = `/v1/gateways/${gatewayId}/certificate`;
  const call = { cloudUrl, ca, timeoutMs: options.timeoutMs };
  const { nonce } = await callCloud({
    ...call,
    path: `${path}/nonce`,
    body: {},
    answer: nonceAnswerSchema,
  });
  const signature = signRenewal(key, { gatewayId, nonce });
  const answer = await callCloud({
    ...call,
    path,
    body: { nonce, signature },
    answer: enrolAnswerSchema,
  });
  checkAnswer(answer, { key, ca });
  options.runtime.steps.reach('identity.renewed');
  return { ...identity, certificate: answer.certificate, grpcUrl: answer.grpcUrl };
}

/** Not when the gateway was enrolled again meanwhile: then the file tells of another one. */
function save(dataDir: string, renewed: Identity, lastKnownMs: number): boolean {
  const file = readIdentity(dataDir);
  if (file.current?.gatewayId !== renewed.gatewayId) return false;
  const lastKnownTimeMs = Math.max(file.lastKnownTimeMs, lastKnownMs);
  writeIdentity(dataDir, { ...file, current: renewed, lastKnownTimeMs });
  return true;
}

/** Full jitter between half and the whole of a delay that doubles. */
function retryDelayMs(attempts: number, fraction: number): number {
  const delayMs = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN * 2 ** Math.min(attempts, 20));
  return delayMs * (0.5 + fraction / 2);
}
