import { afterEach, expect, it } from 'vitest';
import { type AuthWorld, openAuthWorld } from './auth.fixture.ts';
import { openAuth } from './auth.module.ts';
import { developmentLogins } from './development-users.ts';
import { authSettingsSchema } from './settings.ts';
import { createUser } from './users.ts';

let world: AuthWorld;
afterEach(() => world.close());

const SETTINGS = { developmentUsers: true };

it('makes a user of each role once, whose logins can be read', async () => {
  world = await openAuthWorld({ settings: SETTINGS });
  const logins = await developmentLogins(world.secrets);
  expect(logins.map((login) => login.username)).toEqual([
    'operator',
    'admin',
    'manager',
    'customer',
  ]);
  for (const login of logins) {
    expect((await world.post('/v1/auth/token', login)).status, login.username).toBe(200);
  }
  await world.openAgain();
  expect(await developmentLogins(world.secrets)).toEqual(logins);
  expect((await world.post('/v1/auth/token', logins[0])).status).toBe(200);
});

it('follows its secret when the database is older', async () => {
  world = await openAuthWorld({ settings: SETTINGS });
  const [login] = await developmentLogins(world.secrets);
  const fresh = { ...login!, password: 'another password' };
  await world.secrets.write('auth/development-logins', Buffer.from(JSON.stringify([fresh])));
  await world.openAgain();
  expect((await world.post('/v1/auth/token', fresh)).status).toBe(200);
  expect((await world.post('/v1/auth/token', login)).status).toBe(401);
});

it('is off unless asked for; then the users that it made are no good any more', async () => {
  world = await openAuthWorld();
  expect(await developmentLogins(world.secrets)).toEqual([]);
  await world.openAgain(SETTINGS);
  const [login] = await developmentLogins(world.secrets);
  expect((await world.post('/v1/auth/token', login)).status).toBe(401);
});

it('is refused off loopback, and where a real user has the name', async () => {
  world = await openAuthWorld();
  const { runtime, openSql, secrets, authority, log } = world;
  const settings = authSettingsSchema.parse(SETTINGS);
  const grpcUrl = (): string => '';
  const deps = { runtime, openSql, secrets, authority, settings, log, region: 'local', grpcUrl };
  await expect(openAuth({ ...deps, loopback: false })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('auth.developmentUsers'),
  });
  const password = 'correct horse battery';
  const admin = { username: 'admin', password, tenant: 'dev', sites: ['*'] };
  await createUser(world, { ...admin, roles: ['administrator'] });
  await expect(world.openAgain(SETTINGS)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

it('adds a first administrator, but no weak one and none twice', async () => {
  world = await openAuthWorld();
  const user = {
    username: 'ada',
    password: 'correct horse battery',
    tenant: 'acme',
    sites: ['*'],
    roles: ['administrator' as const],
  };
  await expect(createUser(world, { ...user, password: 'short' })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    fields: [expect.objectContaining({ pointer: '/password' })],
  });
  await createUser(world, user);
  await expect(createUser(world, user)).rejects.toMatchObject({ code: 'CONFLICT' });
});
