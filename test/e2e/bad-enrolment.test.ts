import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  openAuthorityIn,
  serverCertificateIn,
} from '@holdfast/cloud/platform/certificate-authority/authority.fixture.ts';
import { readIdentity, writeIdentity } from '@holdfast/edge/identity/identity-file.ts';
import { gatewayUri } from '@holdfast/shared/contracts/gateway-identity.ts';
import { formatClaimCode, parseClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { serveHttp } from '@holdfast/shared/runtime/http-server.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { type House, type RunResult, runEntry, startHouse } from './house.ts';
import { connectNumbered, NUMBERED_METRIC } from './mqtt-client.ts';
import { latest } from './readings.ts';

const HOUR_MS = 3_600_000;

let house: House;
let cloudUrl: string;
beforeAll(async () => {
  house = await startHouse();
  cloudUrl = house.cloudUrl.replace('http:', 'https:');
});
afterAll(() => house?.close());

afterEach(async () => {
  for (const url of [house.cloudUrl, house.pagesUrl]) {
    expect((await fetch(`${url}/readyz`)).status, url).toBe(200);
  }
});

/** `holdfast-gateway enroll` on a machine that has no identity yet. */
async function enroll(claimCode: string, cloud = cloudUrl): Promise<RunResult> {
  const dir = mkdtempSync(join(house.dir, 'other-'));
  const result = await runEntry('edge/main.ts', ['enroll', claimCode, '--cloud', cloud], {
    HOLDFAST_DATA_DIR: dir,
  });
  expect(`${result.stdout}${result.stderr}`).not.toMatch(/node:internal|at async/);
  return result;
}

/** The claim code with another part. */
function altered(claimCode: string, part: 'secret' | 'fingerprint'): string {
  const parsed = parseClaimCode(claimCode);
  if (parsed.kind !== 'parsed') throw new Error(parsed.reason);
  return formatClaimCode({ ...parsed.code, [part]: 'A'.repeat(43) });
}

describe('a gateway is not enrolled, and says why,', () => {
  it.for([
    { what: 'nonsense', code: 'nonsense', text: /it has 1 of the 3 parts id\.secret\.fingerprint/ },
    { what: 'half a code', code: 'clm_1.abc.def', text: /its first part is not a claim id/ },
  ])('with $what', async ({ code, text }) => {
    const { code: exit, stderr } = await enroll(code);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^REQUEST_INVALID: this is no claim code/);
    expect(stderr).toMatch(text);
    expect(stderr).toMatch(/copy it whole/);
  });

  it('with a code that the cloud does not know', async () => {
    const { code, stderr } = await enroll(altered(await house.claim(), 'secret'));
    expect([code, stderr]).toEqual([1, 'CLAIM_WRONG: the claim code is not known here\n']);
  });

  it('with a code that another gateway has used', async () => {
    const claimCode = await house.claim();
    expect((await enroll(claimCode)).stdout).toMatch(/^enrolled as gw_\S+ at dev\/site-1\n$/);
    const { code, stderr } = await enroll(claimCode);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^CLAIM_USED: another gateway has used this claim code\n {2}ask/);
  });

  it('when it is enrolled already', async () => {
    const { code, stderr } = await house.gatewayCli(
      ...['enroll', await house.claim(), '--cloud', cloudUrl],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^CONFLICT: this gateway is enrolled already: gw_/);
    expect(stderr).toContain('--again');
  });

  it('with a code of another cloud', async () => {
    const { code, stderr } = await enroll(altered(await house.claim(), 'fingerprint'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^CA_MISMATCH: this is not the cloud of the claim code/);
  });

  it('by a server with another authority, which learns nothing', async () => {
    const requests: string[] = [];
    const app = createApp(testRuntime());
    app.all('*', (c) => {
      requests.push(c.req.path);
      return c.json({});
    });
    const tls = await serverCertificateIn(mkdtempSync(join(house.dir, 'impostor-')));
    const impostor = await serveHttp(app, { host: '127.0.0.1', port: 0, setting: 'none', tls });
    const claimCode = await house.claim();
    const { code, stderr } = await enroll(claimCode, `https://127.0.0.1:${impostor.port}`);
    await impostor.close();
    expect([code, requests]).toEqual([1, []]);
    expect(stderr).toMatch(/^CA_MISMATCH: .*\n {2}check the address of the cloud/);
    expect((await enroll(claimCode)).code).toBe(0);
  });

  it('by a cloud that cannot be reached, or not over TLS', async () => {
    const [port] = await freePorts(1);
    const unreached = await enroll(await house.claim(), `https://127.0.0.1:${port}`);
    expect(unreached.code).toBe(1);
    expect(unreached.stderr).toMatch(new RegExp(`^UNAVAILABLE: .*127\\.0\\.0\\.1:${port}`));
    const plain = await enroll(await house.claim(), house.cloudUrl);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain(`use ${cloudUrl}`);
  });
});

/** Gives the gateway a certificate that expired nine days ago; it is stopped meanwhile. */
async function expireCertificate(): Promise<void> {
  const dataDir = join(house.dir, 'gateway');
  const file = readIdentity(dataDir);
  const { gatewayId, tenant, site, key } = file.current!;
  const tenDaysAgo = simulatedClock(Date.now() - 240 * HOUR_MS);
  const authority = await openAuthorityIn(join(house.dir, 'cloud'), tenDaysAgo);
  const { certificate } = await authority.issue({
    purpose: 'client',
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    subject: { commonName: gatewayId, organization: tenant, organizationalUnit: site },
    names: [{ type: 'uri', value: gatewayUri({ tenant, site, gatewayId }) }],
    validityMs: 24 * HOUR_MS,
  });
  writeIdentity(dataDir, { ...file, current: { ...file.current!, certificate } });
}

interface Readiness {
  readonly modules: readonly { readonly name: string; readonly detail?: string }[];
}

async function detailOf(module: string): Promise<string | undefined> {
  const answer = await fetch(`${house.pagesUrl}/readyz`);
  const { modules } = (await answer.json()) as Readiness;
  return modules.find((one) => one.name === module)?.detail;
}

describe('an expired certificate', () => {
  it('is shown while it cannot be renewed, and nothing that was acknowledged is lost', async () => {
    await house.gateway.stop();
    await expireCertificate();
    const [port] = await freePorts(1);
    // The cloud's HTTP is away: no renewal.
    house.gateway.start({ HOLDFAST_CLOUD_URL: `https://127.0.0.1:${port}` });
    await house.gatewayReady();
    await eventually('the uplink says that the certificate expired', async () =>
      (await detailOf('uplink'))?.match(/this gateway's certificate expired at 20.*renews itself/),
    );
    await eventually('the renewal says why there is none', async () =>
      (await detailOf('certificate-renewal'))?.match(new RegExp(`not renewed: .*${port}`)),
    );
    const device = await connectNumbered(house, 'meanwhile');
    await device.publish(3);
    await device.close();
  });

  it('is renewed by the gateway itself when the cloud is there', async () => {
    await house.gateway.stop();
    house.gateway.start();
    await house.gatewayReady();
    await eventually('the reading from before', async () => {
      return (await latest(house, 'meanwhile'))?.get(NUMBERED_METRIC)?.value === 3;
    });
    expect(await detailOf('uplink')).toBeUndefined();
    expect(await detailOf('certificate-renewal')).toBeUndefined();
  });
});

it('a damaged identity gives way to its copy; without both, messages are kept', async () => {
  const folder = join(house.dir, 'gateway');
  const files = ['identity.json', 'identity.copy.json'].map((name) => join(folder, name));
  const whole = readFileSync(files[0]!, 'utf8');
  const startWithDamaged = async (damaged: readonly string[]): Promise<void> => {
    await house.gateway.stop();
    for (const file of damaged) writeFileSync(file, whole.slice(0, 100));
    house.gateway.start();
    await house.gatewayReady();
  };
  const device = await connectNumbered(house, 'kept');
  const arrives = (value: number) =>
    eventually(`reading ${value}`, async () => {
      return (await latest(house, 'kept'))?.get(NUMBERED_METRIC)?.value === value;
    });

  await startWithDamaged(files.slice(0, 1));
  await device.publish(2);
  await arrives(2);
  expect(readdirSync(folder).join()).toContain('identity.json.damaged-');

  await startWithDamaged(files);
  expect(await detailOf('uplink')).toMatch(/not enrolled; run: holdfast-gateway enroll/);
  expect(house.gateway.log()).toContain('the identity was damaged: it was set aside');
  await device.publish(1);
  await house.gateway.stop();
  writeFileSync(files[0]!, whole);
  house.gateway.start();
  await house.gatewayReady();
  await arrives(3);
  await device.close();
});
