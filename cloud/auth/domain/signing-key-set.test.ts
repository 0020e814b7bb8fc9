import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  ACTIVE_AFTER_MS,
  isDue,
  keysInUse,
  mayRotate,
  RELOAD_MS,
  signerOf,
} from './signing-key-set.ts';

const TOKEN_TTL_MS = 600_000;
const MINUTE = 60_000;

it('signs with a key only when everybody knows it', () => {
  const keys = [{ createdAtMs: 0 }, { createdAtMs: 100 * MINUTE }];
  expect(signerOf(keys, 0)).toBe(keys[0]);
  expect(signerOf(keys, 100 * MINUTE + ACTIVE_AFTER_MS - 1)).toBe(keys[0]);
  expect(signerOf(keys, 100 * MINUTE + ACTIVE_AFTER_MS)).toBe(keys[1]);
  expect(mayRotate(keys, 100 * MINUTE + ACTIVE_AFTER_MS - 1)).toBe(false);
  expect(isDue(keys, { nowMs: 199 * MINUTE, ageMsMax: 100 * MINUTE })).toBe(false);
  expect(isDue(keys, { nowMs: 200 * MINUTE, ageMsMax: 100 * MINUTE })).toBe(true);
});

it('publishes the key of every token that lives, also of a process that read late', () => {
  const gaps = fc.array(fc.integer({ min: ACTIVE_AFTER_MS, max: 30 * MINUTE }), { maxLength: 8 });
  const moment = fc.record({
    signedAt: fc.integer({ min: 0, max: 200 * MINUTE }),
    late: fc.integer({ min: 0, max: RELOAD_MS }),
    age: fc.integer({ min: 0, max: TOKEN_TTL_MS }),
    seenLate: fc.integer({ min: 0, max: RELOAD_MS }),
  });
  fc.assert(
    fc.property(gaps, moment, (pauses, { signedAt, late, age, seenLate }) => {
      const keys = [{ createdAtMs: 0 }];
      for (const pause of pauses) keys.push({ createdAtMs: keys.at(-1)!.createdAtMs + pause });
      const madeBy = (ms: number) => keys.filter(({ createdAtMs }) => createdAtMs <= ms);
      const readBy = (ms: number) => madeBy(Math.max(0, ms));
      // The signer knows the keys as of some seconds ago; whoever publishes them, too.
      const signer = signerOf(readBy(signedAt - late), signedAt);
      const nowMs = signedAt + age;
      const readAt = nowMs - seenLate;
      const stored = keysInUse(readBy(readAt), {
        nowMs: Math.max(0, readAt),
        tokenTtlMs: TOKEN_TTL_MS,
      });
      expect(keysInUse(stored, { nowMs, tokenTtlMs: TOKEN_TTL_MS })).toContain(signer);
    }),
  );
});

it('forgets a key when its last token is dead', () => {
  const keys = [{ createdAtMs: 0 }, { createdAtMs: MINUTE * 10 }];
  const options = { nowMs: MINUTE * 10 + ACTIVE_AFTER_MS + TOKEN_TTL_MS, tokenTtlMs: TOKEN_TTL_MS };
  expect(keysInUse(keys, options)).toEqual(keys);
  expect(keysInUse(keys, { ...options, nowMs: options.nowMs + 2 * MINUTE })).toEqual([keys[1]]);
});
