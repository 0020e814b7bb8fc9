import { AppError } from '@holdfast/shared/lib/app-error.ts';
import {
  createServiceTokenVerifier,
  createTokenVerifier,
  TOKEN_AUDIENCE,
} from '@holdfast/shared/runtime/access-token.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { describe, expect, it } from 'vitest';
import { createTokenMint } from './peer.fixture.ts';
import { createCallerVerifier, createServiceTokens } from './service-token.ts';

const LIFE_MS = 600_000;

describe('the token of a service', () => {
  it('is drawn once for all calls, and anew before it expires', async () => {
    const clock = simulatedClock(0);
    let issued = 0;
    const issue = async () => ({ token: `t${++issued}`, expiresAtMs: clock.now() + LIFE_MS });
    const tokens = createServiceTokens({ issue, clock });
    const many = await Promise.all(Array.from({ length: 9 }, () => tokens.authorization()));
    expect(new Set(many)).toEqual(new Set(['Bearer t1']));
    expect(tokens.authorization()).toBe('Bearer t1');
    await clock.advance(LIFE_MS - 150_000);
    expect(tokens.authorization()).toBe('Bearer t1');
    await expect.poll(() => tokens.authorization()).toBe('Bearer t2');
    expect(issued).toBe(2);
  });

  it('serves while auth is away, until it expires; then calls are UNAVAILABLE', async () => {
    const clock = simulatedClock(0);
    let away = false;
    const issue = async () => {
      if (away) throw new AppError('DEADLINE_EXCEEDED', 'no answer');
      return { token: 't', expiresAtMs: clock.now() + LIFE_MS };
    };
    const tokens = createServiceTokens({ issue, clock });
    await tokens.authorization();
    away = true;
    await clock.advance(LIFE_MS - 100_000);
    expect(tokens.authorization()).toBe('Bearer t');
    await clock.advance(95_000);
    await expect(tokens.authorization()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    away = false;
    await clock.advance(2_000);
    expect(await tokens.authorization()).toBe('Bearer t');
  });
});

describe('who calls', () => {
  it('is verified once per token, and not beyond its expiry', async () => {
    const mint = await createTokenMint();
    const clock = simulatedClock(Date.now());
    let verified = 0;
    const verifier = createServiceTokenVerifier({ jwks: mint.jwks, clock });
    const caller = createCallerVerifier(
      {
        verify(header) {
          verified++;
          return verifier.verify(header);
        },
      },
      clock,
    );
    const header = await mint.authorization({});
    expect(await caller.callerOf(header)).toBe('order');
    expect(caller.callerOf(header)).toBe('order');
    expect(verified).toBe(1);
    await clock.advance(LIFE_MS + 10_000);
    await expect(caller.callerOf(header)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('is a service inside and a person outside: neither token opens the other door', async () => {
    const mint = await createTokenMint();
    const options = { jwks: mint.jwks, clock: systemClock };
    const service = await mint.authorization({});
    const person = await mint.authorization({ service: 'usr_1', audience: TOKEN_AUDIENCE });
    const [inside, outside] = [createServiceTokenVerifier(options), createTokenVerifier(options)];
    expect(await inside.verify(service)).toMatchObject({ service: 'order' });
    expect(await outside.verify(person)).toMatchObject({ subject: 'usr_1' });
    await expect(inside.verify(person)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    await expect(outside.verify(service)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });
});
