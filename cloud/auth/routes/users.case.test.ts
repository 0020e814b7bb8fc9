import { createTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuthWorld, openAuthWorld, TECHNOLOGIES } from '../auth.fixture.ts';
import { RELOAD_MS } from '../domain/signing-key-set.ts';

const PASSWORD = 'correct horse battery';
const ADA = { username: 'ada', password: PASSWORD, roles: ['operator'], sites: ['site-1'] };
const SETTINGS = { registration: { tenants: ['shop'], perAddressAndHourMax: 5 } };

let world: AuthWorld;
let token: string;
afterEach(() => world.close());

for (const technology of TECHNOLOGIES) {
  describe(`on ${technology}`, () => {
    beforeEach(async () => {
      world = await openAuthWorld({ technology, settings: SETTINGS });
      token = await world.signedIn({});
    });
    describe('the users of a tenant', userCases);
    describe('registration', registrationCases);
    describe('clients', clientCases);
    describe('signing keys', keyCases);
    describe('signing out', signOutCases);
  });
}

function userCases(): void {
  it('are added, and given other rights by version, each audited', async () => {
    const made = await world.post('/v1/users', ADA, token);
    expect(made.status).toBe(201);
    const path = made.headers.get('location')!;
    expect((await world.post('/v1/users', ADA, token)).status).toBe(409);
    const session = await signIn('ada');
    const body = { roles: ['manager'], sites: ['*'] };
    expect((await world.call('PATCH', path, { token, body })).status).toBe(428);
    const stale = { 'if-match': '"v2"' };
    expect((await world.call('PATCH', path, { token, body, headers: stale })).status).toBe(412);
    const changed = await change(path, body);
    expect(changed.body).toMatchObject({ ...body, version: 2, disabled: false });
    const refreshed = await world.post('/v1/auth/refresh', { refreshToken: session.refreshToken });
    expect(decodeJwt(refreshed.body.accessToken)).toMatchObject(body);
    expect((await world.get(path, token)).body).toEqual(changed.body);
    const rights = async () =>
      (await world.audited()).map(({ action, detail }) => [action, detail?.['roles']]);
    await expect.poll(rights).toEqual(
      expect.arrayContaining([
        ['user.created', 'operator'],
        ['user.changed', 'manager'],
      ]),
    );
  });

  it('lose their sessions when they are disabled, and sign in when they are enabled', async () => {
    const path = (await world.post('/v1/users', ADA, token)).headers.get('location')!;
    const { refreshToken } = await signIn('ada');
    expect((await change(path, { disabled: true })).body.disabled).toBe(true);
    expect((await world.post('/v1/auth/refresh', { refreshToken })).status).toBe(401);
    expect((await tryPassword('ada')).status).toBe(401);
    await change(path, { disabled: false });
    expect((await tryPassword('ada')).status).toBe(200);
    expect((await world.post('/v1/auth/refresh', { refreshToken })).status).toBe(401);
  });

  it('are for administrators of all sites alone; each denial is audited', async () => {
    const path = (await world.post('/v1/users', ADA, token)).headers.get('location')!;
    for (const user of [{ roles: ['manager' as const] }, { sites: ['site-1'] }]) {
      const other = await world.signedIn(user);
      const denied = [
        await world.get('/v1/users', other),
        await world.get(path, other),
        await world.post('/v1/users', { ...ADA, username: 'eve' }, other),
        await world.call('PATCH', path, {
          token: other,
          body: { roles: ['administrator'] },
          headers: { 'if-match': '*' },
        }),
        await world.post('/v1/auth/clients', { name: 'x', sites: ['*'] }, other),
        await world.get('/v1/auth/clients', other),
        await world.post('/v1/auth/keys/rotate', {}, other),
      ];
      expect(denied.map(({ status }) => status)).toEqual(Array(7).fill(403));
    }
    expect((await world.get(path, token)).body.version).toBe(1);
    const denials = async () =>
      (await world.audited()).filter(({ outcome }) => outcome === 'denied').length;
    await expect.poll(denials).toBe(14);
  });

  it('are not there for other tenants, and change nothing of themselves', async () => {
    const path = (await world.post('/v1/users', ADA, token)).headers.get('location')!;
    const stranger = await world.signedIn({ tenant: 'other' });
    const headers = { 'if-match': '*' };
    expect((await world.get(path, stranger)).status).toBe(404);
    const patch = { token: stranger, body: { disabled: true }, headers };
    expect((await world.call('PATCH', path, patch)).status).toBe(404);
    const names = (await world.get('/v1/users', stranger)).body.items;
    expect(names).toHaveLength(1);
    const self = `/v1/users/${decodeJwt(token).sub}`;
    const body = { disabled: true };
    expect((await world.call('PATCH', self, { token, body, headers })).status).toBe(409);
  });

  it('are listed page by page', async () => {
    for (const name of ['a1', 'a2', 'a3']) {
      await world.post('/v1/users', { ...ADA, username: name }, token);
      world.clock.jump(1);
    }
    const first = await world.get('/v1/users?limit=2', token);
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')![1]!;
    const all = [...first.body.items, ...(await world.get(next, token)).body.items];
    const names = all.map(({ username }: { username: string }) => username);
    expect(names.filter((name) => /^a\d$/.test(name)).sort()).toEqual(['a1', 'a2', 'a3']);
    expect(all).toHaveLength(4);
    expect(JSON.stringify(all)).not.toContain('argon2');
  });
}

function registrationCases(): void {
  const NEW = { tenant: 'shop', username: 'carol', password: PASSWORD };

  it('makes a customer of the tenant, who can sign in', async () => {
    const reply = await world.post('/v1/auth/register', NEW);
    expect([reply.status, reply.body]).toEqual([202, { status: 'accepted' }]);
    const { accessToken } = await signIn('carol');
    expect(decodeJwt(accessToken)).toMatchObject({ tenant: 'shop', roles: ['customer'] });
    await expect.poll(() => world.audited()).toMatchObject([{ action: 'user.registered' }]);
  });

  it('does not tell that a name is taken, and leaves its owner alone', async () => {
    await world.post('/v1/auth/register', NEW);
    const again = await world.post('/v1/auth/register', { ...NEW, password: 'another password' });
    expect([again.status, again.body]).toEqual([202, { status: 'accepted' }]);
    expect((await tryPassword('carol', 'another password')).status).toBe(401);
    expect((await tryPassword('carol')).status).toBe(200);
  });

  it('is closed where it is not opened, and gives no role that was asked for', async () => {
    for (const tenant of ['dev', 'nobody']) {
      expect((await world.post('/v1/auth/register', { ...NEW, tenant })).status).toBe(403);
    }
    const asking = { ...NEW, roles: ['administrator'] };
    expect((await world.post('/v1/auth/register', asking)).status).toBe(400);
    expect((await world.post('/v1/auth/register', { ...NEW, password: 'short' })).status).toBe(400);
  });

  it('is limited per address and hour', async () => {
    const register = async (at: number) =>
      (await world.post('/v1/auth/register', { ...NEW, username: `user${at}` })).status;
    const statuses: number[] = [];
    for (let at = 0; at < 6; at++) statuses.push(await register(at));
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429]);
    world.clock.jump(3_600_001);
    expect(await register(7)).toBe(202);
  });
}

function clientCases(): void {
  const grantType = 'client_credentials';

  it('get a token of the role service by their secret, until they are deleted', async () => {
    const made = await world.post('/v1/auth/clients', { name: 'ERP', sites: ['site-1'] }, token);
    expect(made.status).toBe(201);
    const { id, secret } = made.body;
    const ask = { grantType, clientId: id, clientSecret: secret };
    const granted = await world.post('/v1/auth/client-token', ask);
    expect(decodeJwt(granted.body.accessToken)).toMatchObject({
      sub: id,
      tenant: 'dev',
      roles: ['service'],
      sites: ['site-1'],
    });
    const me = await world.get('/v1/auth/me', granted.body.accessToken);
    expect(me.body.roles).toEqual(['service']);
    for (const wrong of [{ clientSecret: `${secret}x` }, { clientId: 'cli_none' }]) {
      const refused = await world.post('/v1/auth/client-token', { ...ask, ...wrong });
      expect(refused.body).toMatchObject({ code: 'CREDENTIALS_WRONG' });
    }
    const listed = await world.get('/v1/auth/clients', token);
    expect(listed.body.items).toMatchObject([{ id, name: 'ERP' }]);
    expect(listed.text).not.toContain(secret);
    const path = `/v1/auth/clients/${id}`;
    const headers = { 'if-match': '"v1"' };
    const stranger = await world.signedIn({ tenant: 'other' });
    expect((await world.call('DELETE', path, { token: stranger, headers })).status).toBe(404);
    expect((await world.call('DELETE', path, { token })).status).toBe(428);
    expect((await world.call('DELETE', path, { token, headers })).status).toBe(204);
    expect((await world.post('/v1/auth/client-token', ask)).status).toBe(401);
    const actions = async () => (await world.audited()).map(({ action }) => action);
    await expect.poll(actions).toEqual(['client.created', 'client.deleted']);
  });
}

function keyCases(): void {
  const published = async (): Promise<string[]> => {
    const { body } = await world.get('/.well-known/jwks.json');
    return body.keys.map(({ kid }: { kid: string }) => kid);
  };
  const keyOf = (accessToken: string) => decodeProtectedHeader(accessToken).kid;

  it('rotate by overlap: no token that lives loses its key, in any process', async () => {
    const other = await world.openAgain();
    const verifier = createTokenVerifier({ jwks: other.jwks, clock: world.clock });
    const first = keyOf(token);
    const rotated = await world.post('/v1/auth/keys/rotate', {}, token);
    expect(rotated.status).toBe(200);
    expect((await world.post('/v1/auth/keys/rotate', {}, token)).status).toBe(409);
    expect(await published()).toEqual([first, rotated.body.keyId]);
    expect(keyOf(await world.signedIn({}))).toBe(first);
    await later(60_000);
    const second = await world.signedIn({});
    expect(keyOf(second)).toBe(rotated.body.keyId);
    for (const each of [token, second]) await verifier.verify(`Bearer ${each}`);
    await later(12 * 60_000);
    expect(await published()).toEqual([rotated.body.keyId]);
    const actions = async () => (await world.audited()).map(({ action }) => action);
    await expect.poll(actions).toEqual(['signing_key.rotated']);
  });

  it('are followed by the next one by themselves when they are old', async () => {
    const [first] = await published();
    await later(30 * 86_400_000);
    const [, next] = await published();
    expect(next).toBeDefined();
    expect(keyOf(await world.signedIn({}))).toBe(first);
    await later(60_000);
    expect(keyOf(await world.signedIn({}))).toBe(next);
  });
}

function signOutCases(): void {
  it('ends the session of the token and no other, and tells nothing of one not known', async () => {
    await world.post('/v1/users', ADA, token);
    const [one, other] = [await signIn('ada'), await signIn('ada')];
    const { refreshToken } = one;
    expect((await world.post('/v1/auth/sign-out', { refreshToken })).status).toBe(204);
    expect((await world.post('/v1/auth/sign-out', { refreshToken })).status).toBe(204);
    expect((await world.post('/v1/auth/sign-out', { refreshToken: 'rft_x' })).status).toBe(204);
    expect((await world.post('/v1/auth/refresh', { refreshToken })).status).toBe(401);
    const still = await world.post('/v1/auth/refresh', { refreshToken: other.refreshToken });
    expect(still.status).toBe(200);
  });
}

/** Every process has read the keys again by then. */
async function later(ms: number): Promise<void> {
  world.clock.jump(ms);
  await world.clock.advance(RELOAD_MS);
}

async function change(path: string, body: object) {
  const etag = (await world.get(path, token)).headers.get('etag')!;
  return world.call('PATCH', path, { token, body, headers: { 'if-match': etag } });
}

function tryPassword(username: string, password = PASSWORD) {
  return world.post('/v1/auth/token', { username, password });
}

async function signIn(username: string) {
  const reply = await tryPassword(username);
  expect(reply.status).toBe(200);
  return reply.body as { accessToken: string; refreshToken: string };
}
