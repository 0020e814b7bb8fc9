import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadCredentials, mendIdentity, readIdentity, writeIdentity } from './identity-file.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-identity-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const current = {
  gatewayId: 'gw_1',
  tenant: 'dev',
  site: 'site-1',
  grpcUrl: '127.0.0.1:8090',
  key: 'a key',
  certificate: 'a certificate',
  ca: 'an authority',
  cloudUrl: 'https://127.0.0.1:8080',
  claimId: 'clm_1',
};

function flip(name: string, text: string): void {
  const path = join(dataDir, name);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf(text)]! ^= 1;
  writeFileSync(path, bytes);
}

it('finds a flipped bit in a key, and goes on with the copy', () => {
  writeIdentity(dataDir, { version: 1, current, lastKnownTimeMs: 7 });
  flip('identity.json', 'a key');
  expect(readIdentity(dataDir)).toEqual({ version: 1, current, lastKnownTimeMs: 7 });
  expect(mendIdentity(dataDir, 5n)).toMatch(/identity\.json\.damaged-5$/);
  expect(mendIdentity(dataDir, 6n)).toBeUndefined();
  expect(loadCredentials(dataDir)).toEqual(current);
});

it('is not enrolled when both are damaged, and keeps what there was', () => {
  writeIdentity(dataDir, { version: 1, current, lastKnownTimeMs: 7 });
  flip('identity.json', 'a key');
  flip('identity.copy.json', 'site-1');
  expect(() => readIdentity(dataDir)).toThrow(/cannot be read/);
  mendIdentity(dataDir, 5n);
  expect(loadCredentials(dataDir)).toBeUndefined();
  expect(readdirSync(dataDir)).toContain('identity.json.damaged-5');
});

it('whose copy is damaged is whole', () => {
  writeIdentity(dataDir, { version: 1, current, lastKnownTimeMs: 7 });
  flip('identity.copy.json', 'site-1');
  expect(mendIdentity(dataDir, 5n)).toBeUndefined();
  expect(loadCredentials(dataDir)).toEqual(current);
});
