import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatClaimCode, parseClaimCode } from './claim-code.ts';

const bytes = (seed: number): string => Buffer.alloc(32, seed).toString('base64url');
const code = {
  id: 'clm_0194a1b2-0000-7000-8000-000000000000',
  secret: bytes(1),
  fingerprint: bytes(2),
};

test('reads back what it writes, also with the line ends that copying adds', () => {
  const text = formatClaimCode(code);
  expect(parseClaimCode(text)).toEqual({ kind: 'parsed', code });
  expect(parseClaimCode(` ${text.slice(0, 60)}\n${text.slice(60)}\r\n`)).toEqual({
    kind: 'parsed',
    code,
  });
});

test('says which part is broken and never shows the secret', () => {
  const reasons = [
    '',
    code.id,
    `${code.id}.${code.secret}`,
    `x.${code.secret}.${code.fingerprint}`,
    `${code.id}.${code.secret.slice(1)}.${code.fingerprint}`,
    `${code.id}.${code.secret}.${code.fingerprint}A`,
  ].map((text) => {
    const parsed = parseClaimCode(text);
    return parsed.kind === 'malformed' ? parsed.reason : 'parsed';
  });
  // The first two both have one part.
  expect(new Set(reasons).size).toBe(5);
  expect(reasons.join()).not.toContain(code.secret.slice(1));
});

test('never throws on any text', () => {
  fc.assert(fc.property(fc.string(), (text) => parseClaimCode(text).kind === 'malformed'));
});
