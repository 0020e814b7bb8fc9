import {
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { beforeAll, expect, test } from 'vitest';
import type { Principal } from '../contracts/roles.ts';
import { AppError } from '../lib/app-error.ts';
import {
  allowsSite,
  createTokenVerifier,
  requireRole,
  requireSite,
  sitesOf,
  type TokenVerifier,
} from './access-token.ts';
import { simulatedClock } from './clock.simulated.ts';

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;
let ours: Keys;
let foreign: Keys;

beforeAll(async () => {
  ours = await generateKeyPair('ES256', { extractable: true });
  foreign = await generateKeyPair('ES256', { extractable: true });
});

const claims = { tenant: 'dev', sites: ['site-1'], roles: ['operator'], jti: 'tok_1' };

interface Forgery {
  readonly key?: Keys;
  readonly kid?: string | undefined;
  readonly issuer?: string;
  readonly audience?: string;
  readonly claims?: JWTPayload;
  readonly expiresInSeconds?: number;
}

async function world(limits: { rememberedMax?: number } = {}) {
  const clock = simulatedClock();
  const sets: JSONWebKeySet[] = [await keySet(ours, 'one')];
  let asked = 0;
  const verifier = createTokenVerifier({
    ...limits,
    clock,
    jwks: async () => {
      asked += 1;
      return sets.at(-1)!;
    },
  });
  const sign = (forgery: Forgery = {}): Promise<string> => {
    const seconds = Math.floor(clock.now() / 1000);
    const header =
      'kid' in forgery && forgery.kid === undefined ? {} : { kid: forgery.kid ?? 'one' };
    return new SignJWT(forgery.claims ?? claims)
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setSubject('usr_1')
      .setIssuer(forgery.issuer ?? 'holdfast')
      .setAudience(forgery.audience ?? 'holdfast')
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + (forgery.expiresInSeconds ?? 600))
      .sign((forgery.key ?? ours).privateKey);
  };
  return { clock, verifier, sign, sets, asked: () => asked };
}

async function keySet(keys: Keys, kid: string): Promise<JSONWebKeySet> {
  return { keys: [{ ...(await exportJWK(keys.publicKey)), kid, alg: 'ES256', use: 'sig' }] };
}

async function codeOf(verifier: TokenVerifier, header: string | undefined): Promise<string> {
  try {
    await verifier.verify(header);
    return 'accepted';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

test('gives the principal of a token that auth signed', async () => {
  const { verifier, sign } = await world();
  expect(await verifier.verify(`Bearer ${await sign()}`)).toEqual({
    subject: 'usr_1',
    tenant: 'dev',
    sites: ['site-1'],
    roles: ['operator'],
  });
});

test('tells a missing token from a wrong one', async () => {
  const { verifier } = await world();
  expect(await codeOf(verifier, undefined)).toBe('TOKEN_MISSING');
  for (const header of [
    'Bearer',
    'Basic abc',
    'Bearer a b',
    'Bearer x',
    `Bearer ${'a'.repeat(9000)}`,
  ]) {
    expect(await codeOf(verifier, header), header.slice(0, 20)).toBe('TOKEN_INVALID');
  }
});

test('refuses forged tokens, and those for another audience, issuer or role', async () => {
  const { verifier, sign, clock } = await world();
  const seconds = Math.floor(clock.now() / 1000);
  const unsecured = new UnsecuredJWT(claims)
    .setSubject('usr_1')
    .setIssuer('holdfast')
    .setAudience('holdfast')
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + 600)
    .encode();
  const publicKey = new TextEncoder().encode(JSON.stringify(await exportJWK(ours.publicKey)));
  const confused = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .setSubject('usr_1')
    .setIssuer('holdfast')
    .setAudience('holdfast')
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + 600)
    .sign(publicKey);
  const tokens = {
    unsecured,
    'signed with the public key': confused,
    'signed with a foreign key': await sign({ key: foreign }),
    'without a key id': await sign({ kid: undefined }),
    'with an unknown key id': await sign({ kid: 'two' }),
    'for another audience': await sign({ audience: 'elsewhere' }),
    'of another issuer': await sign({ issuer: 'elsewhere' }),
    'without a tenant': await sign({ claims: { ...claims, tenant: undefined } }),
    'with an unknown role': await sign({ claims: { ...claims, roles: ['root'] } }),
    'with a cut signature': (await sign()).slice(0, -4),
  };
  for (const [name, token] of Object.entries(tokens)) {
    expect(await codeOf(verifier, `Bearer ${token}`), name).toBe('TOKEN_INVALID');
  }
});

test('refuses a token once it has expired, but for the tolerance of clocks', async () => {
  const { verifier, sign, clock } = await world();
  const header = `Bearer ${await sign()}`;
  clock.jump(603_000);
  expect(await codeOf(verifier, header)).toBe('accepted');
  clock.jump(3_000);
  expect(await codeOf(verifier, header)).toBe('TOKEN_INVALID');
});

test('finds a new key at its first token, and asks for forged ones only now and then', async () => {
  const { verifier, sign, clock, sets, asked } = await world();
  await verifier.verify(`Bearer ${await sign()}`);
  sets.push(await keySet(foreign, 'two'));
  await clock.advance(11_000);
  const header = `Bearer ${await sign({ key: foreign, kid: 'two' })}`;
  expect(await codeOf(verifier, header)).toBe('accepted');
  expect(asked()).toBe(2);
  for (let round = 0; round < 50; round++) {
    await codeOf(verifier, `Bearer ${await sign({ kid: `forged-${round}` })}`);
  }
  expect(asked()).toBe(2);
});

test('remembers a verified token, and forgets it with the key that verified it', async () => {
  const { clock, verifier, sign, sets, asked } = await world();
  const header = `Bearer ${await sign()}`;
  const first = await verifier.verify(header);
  // The same object: nothing was verified again.
  expect(await verifier.verify(header)).toBe(first);
  sets.push(await keySet(foreign, 'two'));
  await clock.advance(301_000);
  expect(await codeOf(verifier, header)).toBe('TOKEN_INVALID');
  expect(asked()).toBe(2);
});

test('verifies again after the keys were read again, and remembers that', async () => {
  const { clock, verifier, sign } = await world();
  const header = `Bearer ${await sign()}`;
  const first = await verifier.verify(header);
  await clock.advance(301_000);
  const second = await verifier.verify(header);
  expect(second).not.toBe(first);
  expect(second).toEqual(first);
  expect(await verifier.verify(header)).toBe(second);
});

test('remembers the tokens that were used last, and no more than it says', async () => {
  const { verifier, sign } = await world({ rememberedMax: 4 });
  const [kept, left] = [
    `Bearer ${await sign()}`,
    `Bearer ${await sign({ expiresInSeconds: 599 })}`,
  ];
  const [first, second] = [await verifier.verify(kept), await verifier.verify(left)];
  for (let number = 0; number < 8; number += 1) {
    await verifier.verify(`Bearer ${await sign({ claims: { ...claims, jti: `tok_${number}` } })}`);
    expect(await verifier.verify(kept)).toBe(first);
  }
  expect(await verifier.verify(kept)).toBe(first);
  expect(await verifier.verify(left)).not.toBe(second);
});

test('goes on with the keys it has while auth is away, and says so when it has none', async () => {
  const clock = simulatedClock();
  const { sign } = await world();
  let away = true;
  const verifier = createTokenVerifier({
    clock,
    jwks: async () => {
      if (away) throw new Error('connection refused');
      return keySet(ours, 'one');
    },
  });
  const header = `Bearer ${await sign()}`;
  expect(await codeOf(verifier, header)).toBe('UNAVAILABLE');
  away = false;
  expect(await codeOf(verifier, header)).toBe('accepted');
  away = true;
  await clock.advance(400_000);
  expect(await codeOf(verifier, header)).toBe('accepted');
});

test('roles and sites confine a principal', () => {
  const operator: Principal = {
    subject: 'usr_1',
    tenant: 'dev',
    sites: ['site-1'],
    roles: ['operator'],
  };
  expect(() => requireRole(operator, ['operator', 'administrator'])).not.toThrow();
  expect(() => requireRole(operator, ['administrator'])).toThrow(/administrator/);
  expect(() => requireSite(operator, 'site-1')).not.toThrow();
  expect(() => requireSite(operator, 'site-2')).toThrow(/site-2/);
  expect(allowsSite({ ...operator, sites: ['*'] }, 'site-2')).toBe(true);
  expect(sitesOf(operator)).toEqual(['site-1']);
  expect(sitesOf({ ...operator, sites: ['*'] })).toBe('all');
});
