import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuthWorld, openAuthWorld, TECHNOLOGIES } from '../auth.fixture.ts';
import { createPasswords } from '../passwords.ts';
import { authSettingsSchema } from '../settings.ts';
import { createUser, openAuthSql } from '../users.ts';
import { createSessions } from './sessions.ts';

const USER = {
  username: 'ada',
  password: 'correct horse battery',
  tenant: 'dev',
  roles: ['operator' as const],
  sites: ['site-1'],
};
const LOGIN = { username: USER.username, password: USER.password };

for (const technology of TECHNOLOGIES) {
  describe(`sessions on ${technology}`, () => {
    let world: AuthWorld;
    beforeEach(async () => {
      world = await openAuthWorld({ technology });
      await createUser(world, USER);
    });
    afterEach(() => world.close());

    it('answers the right password with a token of ten minutes that names the rights', async () => {
      const reply = await world.post('/v1/auth/token', { ...LOGIN, username: 'Ada' });
      expect(reply.status).toBe(200);
      expect(reply.headers.get('cache-control')).toBe('no-store');
      expect(reply.body).toMatchObject({ tokenType: 'Bearer', expiresInSeconds: 600 });
      const claims = decodeJwt(reply.body.accessToken);
      expect(claims).toMatchObject({
        iss: 'holdfast',
        aud: 'holdfast',
        tenant: 'dev',
        sites: ['site-1'],
        roles: ['operator'],
      });
      expect(claims.exp! - claims.iat!).toBe(600);
      const me = await world.get('/v1/auth/me', reply.body.accessToken);
      expect(me.body).toEqual({
        subject: claims.sub,
        tenant: 'dev',
        sites: ['site-1'],
        roles: ['operator'],
      });
    });

    it('publishes the key that signed, without its private part, for caches', async () => {
      const { body } = await world.post('/v1/auth/token', LOGIN);
      const reply = await world.get('/.well-known/jwks.json');
      expect(reply.headers.get('cache-control')).toBe('public, max-age=300');
      const { kid, alg } = decodeProtectedHeader(body.accessToken);
      expect(alg).toBe('ES256');
      expect(reply.body.keys).toEqual([
        expect.objectContaining({ kid, kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }),
      ]);
      expect(reply.body.keys[0]).not.toHaveProperty('d');
    });

    it('answers a wrong password and an unknown user alike', async () => {
      const wrong = await world.post('/v1/auth/token', { ...LOGIN, password: 'wrong' });
      const unknown = await world.post('/v1/auth/token', { ...LOGIN, username: 'nobody' });
      expect([wrong.status, wrong.body.code]).toEqual([401, 'CREDENTIALS_WRONG']);
      expect(unknown.body).toEqual(wrong.body);
    });

    it('limits failed sign-ins of one user from one address, until the next minute', async () => {
      const wrong = { ...LOGIN, password: 'wrong' };
      for (let round = 0; round < 10; round++) await world.post('/v1/auth/token', wrong);
      const limited = await world.post('/v1/auth/token', LOGIN);
      expect([limited.status, limited.body.code]).toEqual([429, 'RATE_LIMITED']);
      expect(limited.headers.get('retry-after')).toBe('60');
      const other = await world.post('/v1/auth/token', { ...wrong, username: 'grace' });
      expect(other.status).toBe(401);
      await world.clock.advance(60_000);
      expect((await world.post('/v1/auth/token', LOGIN)).status).toBe(200);
    });

    it('limits failed sign-ins of one user from many addresses, and of no other user', async () => {
      const { runtime } = world;
      const sql = await openAuthSql(world.openSql);
      const settings = authSettingsSchema.parse({ signInFailuresPerUserMax: 3 });
      const passwords = await createPasswords(runtime.random);
      const keys = { sign: async () => 'token' };
      const sessions = createSessions({ runtime, sql, keys, passwords, settings });
      const guess = (address: string, username = 'ada') =>
        sessions.signIn({ username, password: 'wrong', address }).catch(({ code }) => code);
      const codes: string[] = [];
      for (const address of ['a', 'b', 'c', 'd']) codes.push(await guess(address));
      const wrong = 'CREDENTIALS_WRONG';
      expect(codes).toEqual([wrong, wrong, wrong, 'RATE_LIMITED']);
      expect(await guess('a', 'bob')).toBe(wrong);
      world.clock.jump(60_001);
      expect(await guess('a')).toBe(wrong);
      await sql.close();
    });

    it('gives no more guesses to those who ask all at once', async () => {
      const guesses = Array.from({ length: 30 }, (_, index) => ({
        ...LOGIN,
        password: index === 29 ? LOGIN.password : 'wrong',
      }));
      const replies = await Promise.all(
        guesses.map((guess) => world.post('/v1/auth/token', guess)),
      );
      const told = replies.filter((reply) => reply.status !== 429);
      // Two are hashed at once, so one may pass the check while the other's failure is being
      // counted.
      expect(told.length).toBeLessThanOrEqual(11);
      expect(told.map((reply) => reply.status)).not.toContain(200);
    });

    it('names what is wrong with a request by JSON pointer', async () => {
      const reply = await world.post('/v1/auth/token?fast=1', LOGIN);
      expect([reply.status, reply.body.code]).toEqual([400, 'REQUEST_INVALID']);
      expect(reply.body.errors[0].pointer).toBe('/fast');
      const extra = await world.post('/v1/auth/token', {
        ...LOGIN,
        totp: '1',
        password: undefined,
      });
      const pointers = extra.body.errors.map((error: { pointer: string }) => error.pointer);
      expect(pointers.toSorted()).toEqual(['/password', '/totp']);
      expect((await world.post('/v1/auth/token', null)).status).toBe(400);
    });
  });

  describe(`refresh on ${technology}`, () => {
    let world: AuthWorld;
    beforeEach(async () => {
      world = await openAuthWorld({ technology });
      await createUser(world, USER);
    });
    afterEach(() => world.close());
    const signIn = async (): Promise<string> =>
      (await world.post('/v1/auth/token', LOGIN)).body.refreshToken;
    const refresh = (refreshToken: string) => world.post('/v1/auth/refresh', { refreshToken });

    it('rotates: each token gives the next and a fresh access token', async () => {
      const first = await signIn();
      const second = await refresh(first);
      expect(second.status).toBe(200);
      expect(second.body.refreshToken).not.toBe(first);
      expect((await world.get('/v1/auth/me', second.body.accessToken)).status).toBe(200);
      expect((await refresh(second.body.refreshToken)).status).toBe(200);
    });

    it('ends the whole session when a token is used twice, and no other session', async () => {
      const [stolen, other] = [await signIn(), await signIn()];
      const next = (await refresh(stolen)).body.refreshToken;
      const reuse = await refresh(stolen);
      expect([reuse.status, reuse.body.code]).toEqual([401, 'TOKEN_INVALID']);
      expect((await refresh(next)).status).toBe(401);
      expect((await refresh(other)).status).toBe(200);
    });

    it('lets one of several that use a token at the same time win, at most', async () => {
      const token = await signIn();
      const replies = await Promise.all(Array.from({ length: 8 }, () => refresh(token)));
      const won = replies.filter((reply) => reply.status === 200);
      expect(won).toHaveLength(1);
      expect((await refresh(won[0]!.body.refreshToken)).status).toBe(401);
    });

    it('ends with the session, however often it was refreshed', async () => {
      let token = await signIn();
      for (let day = 0; day < 29; day++) {
        await world.clock.advance(86_400_000);
        token = (await refresh(token)).body.refreshToken;
      }
      await world.clock.advance(86_400_000);
      expect((await refresh(token)).status).toBe(401);
    });

    it('refuses what is no refresh token, and an access token too', async () => {
      const { accessToken } = (await world.post('/v1/auth/token', LOGIN)).body;
      expect((await refresh('rft_nothing')).body.code).toBe('TOKEN_INVALID');
      const wrong = await refresh(accessToken);
      expect(wrong.status).toBeGreaterThanOrEqual(400);
      expect(wrong.status).toBeLessThan(402);
    });

    it('keeps only a hash of it', async () => {
      const token = await signIn();
      const sql = await openAuthSql(world.openSql);
      const rows = await sql.read((db) => db.selectFrom('refresh_tokens').selectAll().execute());
      await sql.close();
      expect(rows.length).toBeGreaterThan(0);
      expect(JSON.stringify(rows, (_, value) => String(value))).not.toContain(token.slice(4));
    });
  });
}
