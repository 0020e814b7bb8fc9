import { join } from 'node:path';
import { type Clock, systemClock } from '@holdfast/shared/runtime/clock.ts';
import type { Logger } from '@holdfast/shared/runtime/logger.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { type CloudProcess, startCloud } from '../../../cloud/process.ts';
import { cloudSettingsSchema } from '../../../cloud/settings.ts';
import { TARGET_NAMES } from '../../../cloud/targets.ts';
import { openLogins } from '../../../cloud/wiring.ts';
import { enroll } from '../../../edge/identity/enroll.ts';
import { loadCredentials } from '../../../edge/identity/identity-file.ts';
import { type GatewayProcess, startGateway } from '../../../edge/process.ts';
import { gatewaySettingsSchema } from '../../../edge/settings.ts';
import { createSession } from '../../e2e/house.ts';
import type { CloudApi } from '../kill/held-items.ts';

/** A live reading need not wait for company here. */
const LIVE_SEAL_MS = 5;

export interface MachineOptions {
  /** Holds the folders `gateway` and `cloud`. */
  readonly dir: string;
  readonly log: Logger;
  /** The machine lost power: its monotonic clock begins anew. */
  readonly rebooted: boolean;
}

export interface CloudMachine extends CloudApi {
  readonly url: string;
  readonly grpcUrl: string;
  claim(): Promise<string>;
  stop(): Promise<void>;
}

/** The product's cloud on what the power cut left, within this process. */
export async function startCloudMachine(options: MachineOptions): Promise<CloudMachine> {
  const settings = cloudSettingsSchema.parse({
    dataDir: join(options.dir, 'cloud'),
    http: { port: 0 },
    edgeLink: { port: 0 },
    internal: { port: 0 },
    paymentSandbox: { port: 0 },
    auth: { developmentUsers: true },
  });
  const runtime = runtimeOf(options);
  const cloud: CloudProcess = await startCloud({ targets: TARGET_NAMES, settings, runtime });
  const url = `http://127.0.0.1:${cloud.httpPort}`;
  const session = createSession(url, async () => {
    return { stdout: JSON.stringify(await openLogins(settings)), stderr: '' };
  });
  return {
    url,
    grpcUrl: `127.0.0.1:${cloud.grpcPort}`,
    get: session.get,
    async json<T>(path: string) {
      const answer = await session.get(path);
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
      return (await answer.json()) as T;
    },
    async claim() {
      const made = await session.post('/v1/gateways/claims', { site: 'site-1' });
      return (made as { claimCode: string }).claimCode;
    },
    stop: cloud.stop,
  };
}

export interface GatewayMachine {
  readonly mqttPort: number;
  readonly pagesUrl: string;
  stop(): Promise<void>;
}

/** The product's gateway on what the power cut left, within this process. */
export async function startGatewayMachine(
  options: MachineOptions,
  cloud: CloudMachine,
): Promise<GatewayMachine> {
  const settings = gatewaySettingsSchema.parse({
    dataDir: join(options.dir, 'gateway'),
    pages: { port: 0 },
    mqtt: { port: 0 },
    cloud: { url: https(cloud.url), grpcUrl: cloud.grpcUrl },
    uplink: { liveSealMs: LIVE_SEAL_MS },
  });
  const gateway: GatewayProcess = await startGateway({ settings, runtime: runtimeOf(options) });
  return {
    mqttPort: gateway.parts.broker.port(),
    pagesUrl: `http://127.0.0.1:${gateway.pagesPort}`,
    stop: gateway.stop,
  };
}

export function isEnrolled({ dir }: MachineOptions): boolean {
  return loadCredentials(join(dir, 'gateway')) !== undefined;
}

/** As a person does who repeats the command after the power came back. */
export async function enrolMachine(
  options: MachineOptions,
  to: { readonly cloud: CloudMachine; readonly claim: string },
): Promise<void> {
  await enroll({
    claimCode: to.claim,
    cloudUrl: https(to.cloud.url),
    dataDir: join(options.dir, 'gateway'),
    runtime: runtimeOf(options),
  });
}

const https = (url: string): string => url.replace('http:', 'https:');

function runtimeOf({ log, rebooted }: MachineOptions): Runtime {
  return testRuntime({ log, clock: rebooted ? clockOfThisBoot() : systemClock });
}

function clockOfThisBoot(): Clock {
  const bootMs = systemClock.monotonicMs();
  const bootMicros = systemClock.monotonicMicros();
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() - bootMs,
    monotonicMicros: () => systemClock.monotonicMicros() - bootMicros,
  };
}
