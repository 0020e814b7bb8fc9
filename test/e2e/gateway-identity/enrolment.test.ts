import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EnrolOptions, enroll } from '@holdfast/edge/identity/enroll.ts';
import { loadCredentials } from '@holdfast/edge/identity/identity-file.ts';
import { parseClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cloud, openCloud } from './cloud.fixture.ts';

let cloud: Cloud;
let dataDir: string;
beforeEach(async () => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'holdfast-identity-')), 'gateway');
  cloud = await openCloud();
});
afterEach(async () => {
  await cloud.close();
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
});

const runtime = testRuntime();
const enrol = (claimCode: string, change: Partial<EnrolOptions> = {}) =>
  enroll({ claimCode, cloudUrl: cloud.url, dataDir, runtime, ...change });

const codeOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work;
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
};

describe('enrolment', () => {
  it('turns a claim code into credentials that only this user can read', async () => {
    expect(loadCredentials(dataDir)).toBeUndefined();
    const { claimCode, gatewayId } = await cloud.claim();
    const credentials = await enrol(claimCode);
    expect(credentials).toMatchObject({ gatewayId, tenant: 'dev', site: 'site-1' });
    expect(loadCredentials(dataDir)).toEqual(credentials);
    const certificate = new X509Certificate(credentials.certificate);
    expect(certificate.subject).toContain(`CN=${gatewayId}`);
    if (process.platform === 'win32') return;
    expect(readdirSync(dataDir)).toEqual(['identity.copy.json', 'identity.json']);
    for (const name of readdirSync(dataDir))
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('may be repeated after a lost answer, and becomes the same gateway', async () => {
    const { claimCode, gatewayId } = await cloud.claim();
    cloud.loseNextAnswer();
    expect(await codeOf(enrol(claimCode))).toBe('UNAVAILABLE');
    expect(loadCredentials(dataDir)).toBeUndefined();
    expect((await enrol(claimCode)).gatewayId).toBe(gatewayId);
  });

  it('survives a crash at each step', async () => {
    for (const step of ['identity.key-stored', 'identity.answered', 'identity.stored']) {
      rmSync(dataDir, { recursive: true, force: true });
      const { claimCode, gatewayId } = await cloud.claim();
      const reach = (at: string): void => {
        if (at === step) throw new Error('killed');
      };
      const dying = testRuntime({ steps: { reach } });
      await expect(enrol(claimCode, { runtime: dying }), step).rejects.toThrow('killed');
      expect((await enrol(claimCode)).gatewayId, step).toBe(gatewayId);
      expect(await enrol(claimCode), step).toEqual(loadCredentials(dataDir));
    }
  });

  it('hands on what the cloud says about a used and an expired claim', async () => {
    const [used, late] = [await cloud.claim(), await cloud.claim()];
    await enrol(used.claimCode);
    const other = { dataDir: join(dataDir, 'other') };
    expect(await codeOf(enrol(used.claimCode, other))).toBe('CLAIM_USED');
    await cloud.world.clock.advance(25 * 3_600_000);
    expect(await codeOf(enrol(late.claimCode, other))).toBe('CLAIM_EXPIRED');
  });

  it('does not enrol twice by accident, and draws a new identity when asked', async () => {
    const [first, second] = [await cloud.claim(), await cloud.claim()];
    const old = await enrol(first.claimCode);
    writeFileSync(join(dataDir, 'buffer.sqlite'), 'the buffer');
    const refused = await enrol(second.claimCode).catch((error) => error);
    expect(refused).toMatchObject({ code: 'CONFLICT', hint: expect.stringContaining('--again') });
    expect(refused.message).toContain(old.gatewayId);
    const fresh = await enrol(second.claimCode, { again: true });
    expect(fresh.gatewayId).toBe(second.gatewayId);
    expect(fresh.key).not.toBe(old.key);
    expect(readFileSync(join(dataDir, 'buffer.sqlite'), 'utf8')).toBe('the buffer');
  });

  it('keeps the old identity while the new one is not there yet', async () => {
    const old = await enrol((await cloud.claim()).claimCode);
    const { claimCode } = await cloud.claim();
    cloud.loseNextAnswer();
    expect(await codeOf(enrol(claimCode, { again: true }))).toBe('UNAVAILABLE');
    expect(loadCredentials(dataDir)).toEqual(old);
    expect((await enrol(claimCode, { again: true })).gatewayId).not.toBe(old.gatewayId);
  });
});

describe('another cloud than that of the claim code', () => {
  let impostor: Cloud;
  beforeEach(async () => {
    impostor = await openCloud();
  });
  afterEach(() => impostor.close());

  it('is found out before it is told the secret', async () => {
    const { claimCode } = await cloud.claim();
    const error = await codeOf(enrol(claimCode, { cloudUrl: impostor.url }));
    expect(error).toBe('CA_MISMATCH');
    expect(impostor.requests).toEqual([]);
    expect(cloud.requests).toEqual([]);
    // The code is still good: nobody has seen it.
    expect(await codeOf(enrol(claimCode))).toMatchObject({ tenant: 'dev' });
    const parsed = parseClaimCode(claimCode);
    const secret = parsed.kind === 'parsed' ? parsed.code.secret : '';
    expect(readFileSync(join(dataDir, 'identity.json'), 'utf8')).not.toContain(secret);
  });

  it('is named when it cannot be reached', async () => {
    const { claimCode } = await cloud.claim();
    const gone = impostor.url;
    await impostor.close();
    expect(await codeOf(enrol(claimCode, { cloudUrl: gone }))).toBe('UNAVAILABLE');
    impostor = await openCloud();
  });
});
