import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayCredentials } from '@holdfast/edge/identity/credentials.ts';
import { enroll } from '@holdfast/edge/identity/enroll.ts';
import { loadCredentials } from '@holdfast/edge/identity/identity-file.ts';
import { certificateValidity, openRenewal, type Renewal } from '@holdfast/edge/identity/renewal.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Cloud, openCloud } from './cloud.fixture.ts';

const DAY_MS = 86_400_000;

let cloud: Cloud | undefined;
let dataDir: string;
let renewal: Renewal | undefined;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-identity-'));
});
afterEach(async () => {
  await renewal?.module.stop();
  await cloud?.close();
  renewal = undefined;
  cloud = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

/** A gateway that enrolled `days` ago and was switched off since. */
async function enrolledDaysAgo(days: number): Promise<{ cloud: Cloud; old: GatewayCredentials }> {
  cloud = await openCloud({ startMs: systemClock.now() - days * DAY_MS });
  const { claimCode } = await cloud.claim();
  const runtime = testRuntime();
  const old = await enroll({ claimCode, cloudUrl: cloud.url, dataDir, runtime });
  cloud.world.clock.jump(days * DAY_MS);
  return { cloud, old };
}

async function open() {
  const clock = simulatedClock(systemClock.now());
  const renewed: GatewayCredentials[] = [];
  renewal = openRenewal({
    runtime: testRuntime({ clock, random: seededRandom(1) }),
    dataDir,
    onRenewed: (credentials) => void renewed.push(credentials),
  });
  await renewal.module.start();
  return { clock, renewed, renewal };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000 });

const serialOf = ({ certificate }: GatewayCredentials): string =>
  new X509Certificate(certificate).serialNumber;

it('fetches the next certificate at two thirds of its life, and tells the uplink', async () => {
  const { cloud, old } = await enrolledDaysAgo(0);
  const { clock, renewed } = await open();
  cloud.requests.length = 0;
  await clock.advance(50 * DAY_MS);
  expect(cloud.requests).toEqual([]);
  cloud.world.clock.jump(61 * DAY_MS);
  await clock.advance(11 * DAY_MS);
  await eventually(() => expect(renewed).toHaveLength(1));
  expect(serialOf(renewed[0]!)).not.toBe(serialOf(old));
  expect(renewed[0]!.key).toBe(old.key);
  expect(loadCredentials(dataDir)).toEqual(renewed[0]);
});

it('renews a certificate that expired while the gateway was off', async () => {
  const { old } = await enrolledDaysAgo(300);
  expect(certificateValidity(old, systemClock.now()).expired).toBe(true);
  const { clock, renewed, renewal } = await open();
  await clock.advance(0);
  await eventually(() => expect(renewed).toHaveLength(1));
  expect(certificateValidity(renewed[0]!, systemClock.now()).expired).toBe(false);
  expect(renewal.module.degraded?.()).toBeUndefined();
});

it('judges by what the cloud said the time is when the own clock is behind', async () => {
  const { cloud } = await enrolledDaysAgo(0);
  const first = await open();
  first.renewal.noteTime(systemClock.now() + 80 * DAY_MS);
  await first.renewal.module.stop();
  cloud.world.clock.jump(80 * DAY_MS);
  const { clock, renewed, renewal } = await open();
  await clock.advance(0);
  await eventually(() => expect(renewed).toHaveLength(1));
  expect(renewal.now()).toBeGreaterThan(systemClock.now() + 79 * DAY_MS);
});

it('tries again when the cloud is away, says so, and lets the gateway start', async () => {
  const { cloud } = await enrolledDaysAgo(80);
  cloud.loseNextAnswer();
  const { clock, renewed, renewal } = await open();
  await clock.advance(0);
  await eventually(() => expect(renewal.module.degraded?.()).toContain('not renewed'));
  expect(renewed).toEqual([]);
  await clock.advance(30_000);
  await eventually(() => expect(renewed).toHaveLength(1));
  expect(renewal.module.degraded?.()).toBeUndefined();
});

it('shows that a revoked gateway gets no more certificates, and keeps the one it has', async () => {
  const { cloud, old } = await enrolledDaysAgo(80);
  await cloud.revoke(old.gatewayId);
  const { clock, renewed, renewal } = await open();
  await clock.advance(0);
  await eventually(() => expect(renewal.module.degraded?.()).toContain('revoked'));
  expect(renewed).toEqual([]);
  expect(loadCredentials(dataDir)).toEqual(old);
});

it('does nothing for a gateway that is not enrolled, and finds out when it is', async () => {
  const { clock, renewed, renewal } = await open();
  await clock.advance(DAY_MS);
  expect(renewal.module.degraded?.()).toBeUndefined();
  await enrolledDaysAgo(80);
  await clock.advance(3_600_000);
  await eventually(() => expect(renewed).toHaveLength(1));
});
