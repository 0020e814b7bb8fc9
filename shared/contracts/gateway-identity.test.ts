import { expect, test } from 'vitest';
import { gatewayUri, parseGatewayUri, scopeNameSchema } from './gateway-identity.ts';

test('a gateway is read back from its URI, and nothing else is taken for one', () => {
  const name = { tenant: 'dev', site: 'site-1', gatewayId: 'gw_1' };
  expect(gatewayUri(name)).toBe('urn:holdfast:gateway:dev/site-1/gw_1');
  expect(parseGatewayUri(gatewayUri(name))).toEqual(name);
  for (const uri of ['', 'urn:holdfast:gateway:', 'urn:holdfast:gateway:a/b', 'urn:x:a/b/c']) {
    expect(parseGatewayUri(uri), uri).toBeUndefined();
  }
  expect(parseGatewayUri('urn:holdfast:gateway:a/b/c/d')).toBeUndefined();
});

test('a tenant or site has no character that means something in a URI, a topic or a key', () => {
  for (const name of ['dev', 'site-1', '0', 'a'.repeat(63)]) {
    expect(scopeNameSchema.safeParse(name).success, name).toBe(true);
  }
  for (const name of ['', '-a', 'A', 'a/b', 'a+', 'a#', 'a.b', 'ä', 'a\n', 'a'.repeat(64)]) {
    expect(scopeNameSchema.safeParse(name).success, name).toBe(false);
  }
});
