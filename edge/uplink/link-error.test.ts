import { expect, it } from 'vitest';
import { linkError } from './link-error.ts';

const NOW = Date.UTC(2026, 0, 1);
const valid = { nowMs: NOW, expiresAtMs: NOW + 1 };
const expired = { nowMs: NOW, expiresAtMs: NOW - 1 };

it.each([
  ['unable to verify the first certificate', undefined, valid, 'CA_MISMATCH'],
  ['self-signed certificate in certificate chain', undefined, valid, 'CA_MISMATCH'],
  [
    "Hostname/IP does not match certificate's altnames: x",
    undefined,
    valid,
    'CERTIFICATE_REJECTED',
  ],
  ['certificate has expired', undefined, valid, 'CERTIFICATE_REJECTED'],
  ['read ECONNRESET', undefined, expired, 'CERTIFICATE_REJECTED'],
  [
    'ssl/tls alert certificate expired:SSL alert number 45',
    undefined,
    valid,
    'CERTIFICATE_REJECTED',
  ],
  ['connect ECONNREFUSED 127.0.0.1:1', undefined, valid, 'UNAVAILABLE'],
  ['stopping', 'UNAVAILABLE', expired, 'UNAVAILABLE'],
  ['another gateway', 'FORBIDDEN', valid, 'FORBIDDEN'],
  ['something', 'A_CODE_OF_TOMORROW', valid, 'UNAVAILABLE'],
])('%s (%s)', (details, code, age, expected) => {
  expect(linkError({ details, code, cause: undefined }, age).code).toBe(expected);
});
