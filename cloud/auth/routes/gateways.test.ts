import { sign, X509Certificate } from 'node:crypto';
import { renewalMessage } from '@holdfast/shared/contracts/gateway-identity.ts';
import { parseClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthWorld,
  drawGatewayKey,
  type GatewayKey,
  openAuthWorld,
  type Reply,
  TECHNOLOGIES,
} from '../auth.fixture.ts';
import { openAuthSql } from '../users.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Claimed {
  readonly claimId: string;
  readonly secret: string;
  readonly gatewayId: string;
}

async function claimIn(world: AuthWorld, admin: string): Promise<Claimed> {
  const { body } = await world.post('/v1/gateways/claims', { site: 'site-1' }, admin);
  const parsed = parseClaimCode(body.claimCode);
  if (parsed.kind !== 'parsed') throw new Error(parsed.reason);
  const { id: claimId, secret } = parsed.code;
  return { claimId, secret, gatewayId: body.gatewayId };
}

const enrolIn = (world: AuthWorld, { claimId, secret }: Claimed, key: GatewayKey) =>
  world.post('/v1/gateways/enroll', { claimId, secret, csr: key.csr });

async function renewIn(world: AuthWorld, gatewayId: string, key: GatewayKey): Promise<Reply> {
  const path = `/v1/gateways/${gatewayId}/certificate`;
  const { nonce } = (await world.post(`${path}/nonce`)).body;
  return world.post(path, { nonce, signature: signed(key, gatewayId, nonce) });
}

function signed(key: GatewayKey, gatewayId: string, nonce: string): string {
  return sign('sha256', renewalMessage(gatewayId, nonce), key.privateKey).toString('base64url');
}

const told = (reply: Reply): unknown[] => [reply.status, reply.body?.code];

for (const technology of TECHNOLOGIES) {
  describe(`claims and enrolment on ${technology}`, () => {
    let world: AuthWorld;
    let admin: string;
    beforeEach(async () => {
      world = await openAuthWorld({ technology });
      admin = await world.signedIn({});
    });
    afterEach(() => world.close());

    it('gives a claim code with the fingerprint of the authority, good for 24 hours', async () => {
      const body = { site: 'site-1', name: 'Cold store' };
      const reply = await world.post('/v1/gateways/claims', body, admin);
      expect(reply.status).toBe(201);
      const parsed = parseClaimCode(reply.body.claimCode);
      expect(parsed).toMatchObject({ code: { fingerprint: world.authority.fingerprint } });
      expect(Date.parse(reply.body.expiresAt)).toBe(world.clock.now() + 24 * HOUR_MS);
      expect(reply.body.gatewayId).toMatch(/^gw_/);
    });

    it('gives the gateway a certificate that names it, its tenant and its site', async () => {
      const claim = await claimIn(world, admin);
      const key = await drawGatewayKey();
      const reply = await enrolIn(world, claim, key);
      expect(reply.status).toBe(200);
      expect(reply.body).toMatchObject({
        gatewayId: claim.gatewayId,
        tenant: 'dev',
        site: 'site-1',
        grpcUrl: 'localhost:8090',
        ca: world.authority.certificate,
      });
      const certificate = new X509Certificate(reply.body.certificate);
      expect(certificate.checkPrivateKey(key.privateKey)).toBe(true);
      expect(certificate.verify(new X509Certificate(reply.body.ca).publicKey)).toBe(true);
      expect(certificate.subjectAltName).toBe(
        `URI:urn:holdfast:gateway:dev/site-1/${claim.gatewayId}`,
      );
      expect(certificate.validToDate.getTime()).toBe(world.clock.now() + 90 * DAY_MS);
    });

    it('answers the same gateway the same when its answer was lost, also a day later', async () => {
      const claim = await claimIn(world, admin);
      const key = await drawGatewayKey();
      const first = await enrolIn(world, claim, key);
      await world.clock.advance(25 * HOUR_MS);
      const again = await enrolIn(world, claim, key);
      expect(again.body).toEqual(first.body);
    });

    it('refuses a used, a wrong and an expired claim, each by its name', async () => {
      const claim = await claimIn(world, admin);
      const late = await claimIn(world, admin);
      const key = await drawGatewayKey();
      await enrolIn(world, claim, await drawGatewayKey());
      expect(told(await enrolIn(world, claim, key))).toEqual([409, 'CLAIM_USED']);
      const wrong = { ...claim, secret: late.secret };
      expect(told(await enrolIn(world, wrong, key))).toEqual([403, 'CLAIM_WRONG']);
      const unknown = { ...claim, claimId: 'clm_unknown' };
      expect(told(await enrolIn(world, unknown, key))).toEqual([403, 'CLAIM_WRONG']);
      await world.clock.advance(24 * HOUR_MS);
      expect(told(await enrolIn(world, late, key))).toEqual([410, 'CLAIM_EXPIRED']);
    });

    it('lets one of several gateways that use a claim at the same time win', async () => {
      const claim = await claimIn(world, admin);
      const keys = await Promise.all([1, 2, 3, 4].map(drawGatewayKey));
      const replies = await Promise.all(
        [...keys, ...keys].map((key) => enrolIn(world, claim, key)),
      );
      const certificates = replies
        .filter((reply) => reply.status === 200)
        .map((reply) => reply.body.certificate);
      // The winner asked twice, and both times got the same.
      expect(certificates).toHaveLength(2);
      expect(new Set(certificates).size).toBe(1);
      const others = replies.filter((reply) => reply.status !== 200).map(told);
      expect(others).toEqual(Array.from({ length: 6 }, () => [409, 'CLAIM_USED']));
    });

    it('names a request for a certificate that is none', async () => {
      const claim = await claimIn(world, admin);
      const reply = await enrolIn(world, claim, { ...(await drawGatewayKey()), csr: 'nonsense' });
      expect(told(reply)).toEqual([400, 'REQUEST_INVALID']);
      expect(reply.body.errors).toEqual([expect.objectContaining({ pointer: '/csr' })]);
    });

    it('keeps only a hash of the secret', async () => {
      const claim = await claimIn(world, admin);
      const sql = await openAuthSql(world.openSql);
      const rows = await sql.read((db) => db.selectFrom('gateways').selectAll().execute());
      await sql.close();
      const text = JSON.stringify(rows, (_, value) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      expect(text).toContain(claim.claimId);
      expect(text).not.toContain(claim.secret);
    });
  });

  describe(`tenancy of gateways on ${technology}`, () => {
    let world: AuthWorld;
    beforeEach(async () => {
      world = await openAuthWorld({ technology });
    });
    afterEach(() => world.close());

    it('lets only an administrator of the site claim', async () => {
      const operator = await world.signedIn({ roles: ['operator'] });
      const elsewhere = await world.signedIn({ sites: ['site-2'] });
      const claim = (token?: string) =>
        world.post('/v1/gateways/claims', { site: 'site-1' }, token);
      expect(told(await claim())).toEqual([401, 'TOKEN_MISSING']);
      expect(told(await claim('e30.e30.e30'))).toEqual([401, 'TOKEN_INVALID']);
      expect(told(await claim(operator))).toEqual([403, 'FORBIDDEN']);
      expect(told(await claim(elsewhere))).toEqual([403, 'FORBIDDEN']);
    });

    it('puts the gateway into the tenant of who claims, whatever the request says', async () => {
      const foreign = await world.signedIn({ tenant: 'other' });
      const body = { site: 'site-1', tenant: 'dev' };
      const reply = await world.post('/v1/gateways/claims', body, foreign);
      expect(told(reply)).toEqual([400, 'REQUEST_INVALID']);
      const key = await drawGatewayKey();
      const enrolled = await enrolIn(world, await claimIn(world, foreign), key);
      expect(enrolled.body.tenant).toBe('other');
    });

    it('hides a gateway from another tenant and from other sites', async () => {
      const admin = await world.signedIn({});
      const claim = await claimIn(world, admin);
      const path = `/v1/gateways/${claim.gatewayId}/revoke`;
      const foreign = await world.signedIn({ tenant: 'other' });
      const elsewhere = await world.signedIn({ sites: ['site-2'] });
      const operator = await world.signedIn({ roles: ['operator'] });
      expect(told(await world.post(path, {}, foreign))).toEqual([404, 'NOT_FOUND']);
      expect(told(await world.post(path, {}, elsewhere))).toEqual([404, 'NOT_FOUND']);
      expect(told(await world.post(path, {}, operator))).toEqual([403, 'FORBIDDEN']);
      expect((await enrolIn(world, claim, await drawGatewayKey())).status).toBe(200);
      expect((await world.post(path, {}, admin)).status).toBe(204);
      expect((await world.post(path, {}, admin)).status).toBe(204);
      const unknown = '/v1/gateways/whatever/revoke';
      expect(told(await world.post(unknown, {}, admin))).toEqual([404, 'NOT_FOUND']);
    });

    it('tells a revocation once, and who did it', async () => {
      const admin = await world.signedIn({});
      const { gatewayId } = await claimIn(world, admin);
      const path = `/v1/gateways/${gatewayId}/revoke`;
      expect((await world.post(path, {}, admin)).status).toBe(204);
      expect((await world.post(path, {}, admin)).status).toBe(204);
      const audited = async () => (await world.audited()).map(({ action }) => action);
      await expect.poll(audited).toEqual(['gateway.revoke']);
      const told = await world.log.read('gateway.revocations', 0, 0n, 10);
      expect(told.map(({ key, value }) => [key, JSON.parse(String(value))])).toEqual([
        [gatewayId, { gatewayId, site: 'site-1' }],
      ]);
    });
  });

  describe(`renewal on ${technology}`, () => {
    let world: AuthWorld;
    let admin: string;
    let key: GatewayKey;
    let gatewayId: string;
    beforeEach(async () => {
      world = await openAuthWorld({ technology });
      admin = await world.signedIn({});
      key = await drawGatewayKey();
      const claim = await claimIn(world, admin);
      gatewayId = claim.gatewayId;
      await enrolIn(world, claim, key);
    });
    afterEach(() => world.close());

    it('renews for who has the key, also long after the certificate expired', async () => {
      for (const days of [60, 90 + 399]) {
        await world.clock.advance(days * DAY_MS);
        const reply = await renewIn(world, gatewayId, key);
        expect(reply.status, `${days} days`).toBe(200);
        const certificate = new X509Certificate(reply.body.certificate);
        expect(certificate.validToDate.getTime()).toBe(world.clock.now() + 90 * DAY_MS);
        expect(certificate.checkPrivateKey(key.privateKey)).toBe(true);
      }
    });

    it('ends 400 days after the certificate expired, and with a revocation', async () => {
      await world.clock.advance((90 + 401) * DAY_MS);
      const late = await renewIn(world, gatewayId, key);
      expect(told(late)).toEqual([403, 'CERTIFICATE_REJECTED']);
      const claim = await claimIn(world, await world.signedIn({}));
      const fresh = await drawGatewayKey();
      await enrolIn(world, claim, fresh);
      const token = await world.signedIn({});
      await world.post(`/v1/gateways/${claim.gatewayId}/revoke`, {}, token);
      const revoked = await renewIn(world, claim.gatewayId, fresh);
      expect(told(revoked)).toEqual([403, 'CERTIFICATE_REJECTED']);
      expect(told(await enrolIn(world, claim, fresh))).toEqual([403, 'CERTIFICATE_REJECTED']);
    });

    it('tells another key from the gateway no more than an unknown gateway', async () => {
      const stranger = await drawGatewayKey();
      const forged = await renewIn(world, gatewayId, stranger);
      const other = gatewayId.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      const unknown = await renewIn(world, other, key);
      expect(told(forged)).toEqual([403, 'CERTIFICATE_REJECTED']);
      expect({ ...unknown.body, instance: '' }).toEqual({ ...forged.body, instance: '' });
    });

    it('takes a nonce once, within five minutes, and only for its gateway', async () => {
      const path = `/v1/gateways/${gatewayId}/certificate`;
      const draw = async (): Promise<string> => (await world.post(`${path}/nonce`)).body.nonce;
      const use = (nonce: string) =>
        world.post(path, { nonce, signature: signed(key, gatewayId, nonce) });
      const nonce = await draw();
      const raced = await Promise.all([use(nonce), use(nonce), use(nonce)]);
      expect(raced.filter((reply) => reply.status === 200)).toHaveLength(1);
      expect(told(await use(nonce))).toEqual([400, 'REQUEST_INVALID']);
      const stale = await draw();
      await world.clock.advance(301_000);
      expect(told(await use(stale))).toEqual([400, 'REQUEST_INVALID']);
      const foreign = gatewayId.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      const other = (await world.post(`/v1/gateways/${foreign}/certificate/nonce`)).body.nonce;
      const reply = await use(other);
      expect(told(reply)).toEqual([400, 'REQUEST_INVALID']);
      expect(reply.body.errors[0].pointer).toBe('/nonce');
    });
  });
}
