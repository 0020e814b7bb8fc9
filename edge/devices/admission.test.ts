import { scryptSync } from 'node:crypto';
import { systemRandom } from '@holdfast/shared/runtime/random.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Admit, admissionSettings, createAdmission } from './admission.ts';
import { Grants } from './grants.ts';
import { hashPassword, isPasswordHash, verifyPassword } from './password.ts';

const schema = z.strictObject(admissionSettings);
const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

describe('password hashes', () => {
  it('are verified for argon2id and scrypt', async () => {
    const salt = Buffer.alloc(16, 1);
    const argon = await hashPassword('right', salt);
    const key = scryptSync('right', salt, 32, { N: 2 ** 14, r: 8, p: 1 });
    const scrypt = `$scrypt$ln=14,r=8,p=1$${plain(salt)}$${plain(key)}`;
    for (const hash of [argon, scrypt]) {
      expect(isPasswordHash(hash)).toBe(true);
      expect(await verifyPassword(hash, 'right')).toBe(true);
      expect(await verifyPassword(hash, 'wrong')).toBe(false);
    }
  });

  it.each([
    'secret',
    '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$',
    '$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('are refused in a configuration: %s', async (text) => {
    expect(isPasswordHash(text)).toBe(false);
    expect(await verifyPassword(text, 'secret')).toBe(false);
  });
});

describe('admission', () => {
  let admit: Admit;
  beforeAll(async () => {
    const passwordHash = await hashPassword('right', Buffer.alloc(16, 2));
    const users = [{ name: 'sensor', passwordHash, publish: ['devices/%c/#'] }];
    admit = createAdmission(schema.parse({ users }), systemRandom);
  });
  const apply = (changes: object) =>
    admit({
      clientId: 'c1',
      username: undefined,
      password: undefined,
      remoteAddress: '127.0.0.1',
      ...changes,
    });

  it('lets a user in with the right password, again and again, with its own grants', async () => {
    for (let time = 0; time < 2; time++) {
      const admitted = await apply({
        username: 'sensor',
        password: Buffer.from('right'),
        remoteAddress: '10.0.0.9',
      });
      expect(admitted).toMatchObject({ kind: 'admitted' });
      if (admitted.kind !== 'admitted') return;
      expect(admitted.grants.mayPublish('devices/c1/event')).toBe(true);
      expect(admitted.grants.mayPublish('devices/c2/event')).toBe(false);
    }
  });

  it.each([
    ['sensor', 'wrong'],
    ['nobody', 'right'],
    ['sensor', undefined],
    ['', ''],
  ])('refuses user %j with password %j alike', async (username, password) => {
    const given = {
      username,
      password: password === undefined ? undefined : Buffer.from(password),
    };
    expect(await apply(given)).toEqual({ kind: 'credentials' });
  });

  it.each(['10.0.0.9', '::ffff:10.0.0.9', '127.0.0.1.example', undefined])(
    'refuses a client without a name from %s',
    async (remoteAddress) => {
      expect(await apply({ remoteAddress })).toEqual({ kind: 'anonymous' });
    },
  );

  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])(
    'lets a client without a name in from %s',
    async (remoteAddress) => {
      expect(await apply({ remoteAddress })).toMatchObject({ kind: 'admitted' });
    },
  );

  it('lets it in from the network only when the setting says so', async () => {
    const open = createAdmission(schema.parse({ allowAnonymousFromNetwork: true }), systemRandom);
    const applicant = { clientId: 'c', username: undefined, password: undefined };
    const admitted = await open({ ...applicant, remoteAddress: '10.0.0.9' });
    expect(admitted.kind).toBe('admitted');
  });

  it('checks only so many passwords at once', async () => {
    const given = { username: 'nobody', password: Buffer.from('x') };
    const kinds = await Promise.all(Array.from({ length: 40 }, () => apply(given)));
    expect(kinds.filter(({ kind }) => kind === 'busy')).toHaveLength(8);
  });

  it('takes no broken filter from a configuration', () => {
    const wrong = { anonymous: { publish: ['a/#/b'], subscribe: [] } };
    expect(schema.safeParse(wrong).success).toBe(false);
    const right = { anonymous: { publish: ['devices/{clientId}/+/#'], subscribe: ['%c'] } };
    expect(schema.safeParse(right).success).toBe(true);
  });
});

describe('grants', () => {
  const table = { publish: ['devices/{clientId}/#'], subscribe: ['devices/%c/commands/+', '#'] };

  it.each(['+', '#', 'a/b', '$SYS', ''])('are not widened by a client id like %j', (clientId) => {
    const grants = new Grants(table, clientId);
    expect(grants.mayPublish('devices/other/event')).toBe(false);
    expect(grants.mayPublish(`devices/${clientId}/event`)).toBe(false);
  });

  it('take a client id as text, whatever a replacement pattern would make of it', () => {
    expect(new Grants(table, 'a$&b').mayPublish('devices/a$&b/event')).toBe(true);
  });

  it('cover a filter only when they cover all of it', () => {
    const grants = new Grants({ publish: [], subscribe: ['devices/%c/commands/+'] }, 'c1');
    expect(grants.maySubscribe('devices/c1/commands/open')).toBe(true);
    expect(grants.maySubscribe('devices/c1/commands/#')).toBe(false);
    expect(grants.maySubscribe('#')).toBe(false);
    expect(grants.mayReceive('devices/c1/commands/open')).toBe(true);
    expect(grants.mayReceive('devices/c2/commands/open')).toBe(false);
  });

  it('never reach a $ topic by a leading wildcard', () => {
    const grants = new Grants({ publish: ['#'], subscribe: ['#', '+/x'] }, 'c');
    expect(grants.mayPublish('$SYS/x')).toBe(false);
    expect(grants.maySubscribe('$SYS/#')).toBe(false);
    expect(grants.mayReceive('$SYS/x')).toBe(false);
  });
});
