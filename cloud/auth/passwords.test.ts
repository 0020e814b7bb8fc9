import { seededRandom, systemRandom } from '@holdfast/shared/runtime/random.ts';
import { expect, it } from 'vitest';
import { createPasswords } from './passwords.ts';

it('writes argon2id in the PHC format with the parameters that OWASP asks for', async () => {
  const passwords = await createPasswords(seededRandom(1));
  const hash = await passwords.hash('correct horse battery');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await passwords.verify('correct horse battery', hash)).toBe(true);
  expect(await passwords.verify('correct horse batterz', hash)).toBe(false);
});

it('agrees with the reference implementation, whatever the parameters in the hash', async () => {
  // From the test vectors of the reference implementation (argon2id, version 19, m=256, t=2, p=1).
  const hash =
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  const passwords = await createPasswords(systemRandom);
  expect(await passwords.verify('password', hash)).toBe(true);
});

it('works as hard for a user who does not exist', async () => {
  const passwords = await createPasswords(systemRandom);
  const hash = await passwords.hash('correct horse battery');
  const msOf = async (stored: string | undefined): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const begun = performance.now();
      await passwords.verify('correct horse battery', stored);
      times.push(performance.now() - begun);
    }
    return Math.min(...times);
  };
  const ratio = (await msOf(undefined)) / (await msOf(hash));
  // Without the work it would be a thousandth.
  expect(ratio).toBeGreaterThan(0.2);
  expect(ratio).toBeLessThan(5);
});

it('refuses a flood instead of letting everything else wait', async () => {
  const passwords = await createPasswords(systemRandom);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, () => passwords.verify('x', undefined)),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused.length).toBe(26);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
});
