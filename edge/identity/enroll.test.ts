import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatClaimCode } from '@holdfast/shared/lib/claim-code.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { enroll } from './enroll.ts';
import { loadCredentials } from './identity-file.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'holdfast-identity-')), 'gateway');
});
afterEach(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));

const bytes = Buffer.alloc(32, 1).toString('base64url');
const id = 'clm_0194a1b2-0000-7000-8000-000000000000';
const claimCode = formatClaimCode({ id, secret: bytes, fingerprint: bytes });
const enrol = (change: { claimCode?: string; cloudUrl?: string }) =>
  enroll({
    claimCode,
    cloudUrl: 'https://127.0.0.1:1',
    dataDir,
    runtime: testRuntime(),
    ...change,
  }).catch((error: unknown) => error);

it('says what is wrong with a code that was not copied whole, and draws no key', async () => {
  for (const broken of ['', 'hello', claimCode.slice(0, -1), claimCode.slice(4)]) {
    expect(await enrol({ claimCode: broken })).toMatchObject({
      code: 'REQUEST_INVALID',
      hint: expect.stringContaining('whole'),
    });
  }
  expect(existsSync(dataDir)).toBe(false);
});

it('goes to https addresses only, and says how to write one', async () => {
  const plain = await enrol({ cloudUrl: 'http://127.0.0.1:1' });
  expect(plain).toMatchObject({ code: 'REQUEST_INVALID', hint: 'use https://127.0.0.1:1' });
  expect(await enrol({ cloudUrl: 'cloud.example' })).toMatchObject({ code: 'REQUEST_INVALID' });
});

it('names a cloud that cannot be reached', async () => {
  expect(await enrol({})).toMatchObject({ code: 'UNAVAILABLE' });
  expect(loadCredentials(dataDir)).toBeUndefined();
});

it('names a damaged file, and does not take it for a gateway that never enrolled', async () => {
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'identity.json'), '{"version":1,"cur');
  expect(() => loadCredentials(dataDir)).toThrow(/identity\.json cannot be read/);
  expect(await enrol({})).toMatchObject({ code: 'STORE_DAMAGED' });
});
