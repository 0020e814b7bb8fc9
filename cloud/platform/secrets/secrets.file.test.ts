import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSecrets } from './secrets.file.ts';

let dir: string;
const open = () => openFileSecrets({ dir, runtime: { clock: systemClock } });
const refusal = (): unknown => {
  try {
    open();
    return undefined;
  } catch (error) {
    return error;
  }
};
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'holdfast-secrets-')), 'secrets');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

// Windows has no mode bits to look at.
describe.skipIf(process.platform === 'win32')('secrets in files', () => {
  it('are readable by their user only, whatever the umask', async () => {
    const umask = process.umask(0);
    await open().write('ca/key', Buffer.of(1));
    process.umask(umask);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'ca.key.secret')).mode & 0o777).toBe(0o600);
  });

  it('do not open when group or others could read the folder', () => {
    open();
    for (const mode of [0o750, 0o705, 0o710]) {
      chmodSync(dir, mode);
      expect(refusal()).toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.stringContaining(`chmod 700 '${dir}'`),
      });
    }
  });

  it('do not open when group or others could read a file', async () => {
    await open().write('ca/key', Buffer.of(1));
    chmodSync(join(dir, 'ca.key.secret'), 0o640);
    expect(refusal()).toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('600'),
    });
  });

  it('do not follow a symbolic link out of the folder', () => {
    open();
    writeFileSync(join(dir, '..', 'elsewhere'), '', { mode: 0o600 });
    symlinkSync(join(dir, '..', 'elsewhere'), join(dir, 'ca.key.secret'));
    expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('clear away what a crash left, but not what another process may be writing', () => {
    open();
    for (const name of ['ca.secret.1.tmp', 'ca.secret.2.tmp']) {
      writeFileSync(join(dir, name), 'half', { mode: 0o600 });
    }
    utimesSync(join(dir, 'ca.secret.1.tmp'), 1, 1);
    open();
    expect(readdirSync(dir)).toEqual(['ca.secret.2.tmp']);
  });
});
