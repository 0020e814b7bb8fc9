import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkNonce, makeNonce, NONCE_TTL_MS } from './nonce.ts';

const key = Buffer.alloc(32, 7);
const context = { key, gatewayId: 'gw_1', nowMs: 1_800_000_000_000 };
const nonce = makeNonce(context, Buffer.alloc(16, 1));

it('is good for its gateway and its five minutes, before and after, as clocks may differ', () => {
  expect(checkNonce(nonce, context)).toBe('valid');
  for (const ms of [NONCE_TTL_MS, -NONCE_TTL_MS]) {
    expect(checkNonce(nonce, { ...context, nowMs: context.nowMs + ms })).toBe('valid');
    const beyond = context.nowMs + ms + Math.sign(ms);
    expect(checkNonce(nonce, { ...context, nowMs: beyond })).toBe('expired');
  }
  expect(checkNonce(nonce, { ...context, gatewayId: 'gw_2' })).toBe('unknown');
  expect(checkNonce(nonce, { ...context, key: Buffer.alloc(32, 8) })).toBe('unknown');
});

it('has one spelling only, so that no other text is the same nonce a second time', () => {
  for (const text of [`${nonce}=`, ` ${nonce}`, `${nonce}\n`, nonce.replace(/.$/, '?')]) {
    expect(checkNonce(text, context), JSON.stringify(text)).toBe('unknown');
  }
});

it('cannot be guessed or changed', () => {
  const changed = fc.tuple(fc.nat(nonce.length - 1), fc.constantFrom(...'AZaz09-_'));
  fc.assert(
    fc.property(changed, ([at, letter]) => {
      const text = nonce.slice(0, at) + letter + nonce.slice(at + 1);
      return text === nonce || checkNonce(text, context) === 'unknown';
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => checkNonce(text, context) === 'unknown'));
});
