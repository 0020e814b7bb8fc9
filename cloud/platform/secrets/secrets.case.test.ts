import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SecretsReport, SecretsTask } from './secrets.case.child.ts';
import { openFileSecrets } from './secrets.file.ts';
import type { Secrets } from './secrets.ts';

interface SecretsAdapter {
  readonly name: string;
  /** `place` is empty at first; opening it again is a restart. */
  open(place: string): Secrets;
  start(place: string, task: SecretsTask['task']): ChildProcess;
}

const file: SecretsAdapter = {
  name: 'file',
  open: (place) =>
    openFileSecrets({ dir: join(place, 'secrets'), runtime: { clock: systemClock } }),
  start: (place, task) =>
    fork(join(import.meta.dirname, 'secrets.case.child.ts'), [
      JSON.stringify({ dir: join(place, 'secrets'), task } satisfies SecretsTask),
    ]),
};

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'holdfast-secrets-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

for (const adapter of [file]) {
  describe(`secrets on ${adapter.name}: values`, () => valueCases(adapter));
  describe(`secrets on ${adapter.name}: several processes`, () => processCases(adapter));
}

function valueCases(adapter: SecretsAdapter): void {
  it('keeps what was written over a restart, and has nothing for an unknown name', async () => {
    const before = adapter.open(place);
    await before.write('auth/signing-key', Buffer.from([0, 255, 1]));
    await before.write('auth/signing-key', Buffer.from([2]));
    await before.close();
    const after = adapter.open(place);
    expect(await after.read('auth/signing-key')).toEqual(Buffer.from([2]));
    expect(await after.read('auth-signing-key')).toBeUndefined();
  });

  it('makes a value once', async () => {
    const secrets = adapter.open(place);
    let made = 0;
    const make = async () => Buffer.from(`made ${++made}`);
    const values = await Promise.all([secrets.ensure('ca', make), secrets.ensure('ca', make)]);
    expect(values[0]).toEqual(values[1]);
    made = 10;
    expect(await adapter.open(place).ensure('ca', make)).toEqual(values[0]);
    expect(made).toBe(10);
  });

  it('keeps each name apart and refuses what is no name', async () => {
    const secrets = adapter.open(place);
    const names = ['a/b', 'a-b', 'a//b', 'ab', 'a/b/', '0', 'a'.repeat(200)];
    for (const name of names) await secrets.write(name, Buffer.from(name));
    for (const name of names) expect(String(await secrets.read(name))).toBe(name);
    for (const name of ['', '../x', '/etc/passwd', '-a', 'A', 'a.b', 'a\0', 'a\n', 'ü']) {
      await expect(secrets.read(name)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      await expect(secrets.write(name, Buffer.of(1))).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      });
    }
  });

  it('takes 64 KiB, refuses more, and does not show the value in the error', async () => {
    const secrets = adapter.open(place);
    await secrets.write('large', Buffer.alloc(64 * 1024, 's'));
    const error: unknown = await secrets
      .write('large', Buffer.alloc(64 * 1024 + 1, 'hunter2'))
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(String(error)).not.toContain('hunter2');
    expect(await secrets.read('large')).toHaveLength(64 * 1024);
  });

  it('throws UNAVAILABLE after close', async () => {
    const secrets = adapter.open(place);
    await secrets.close();
    await expect(secrets.read('ca')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
}

function processCases(adapter: SecretsAdapter): void {
  it('gives the same value to all processes that ensure it at the same time', async () => {
    const children = [1, 2, 3, 4].map(() => adapter.start(place, 'ensure'));
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map((child) => once(child, 'message'));
    for (const child of children) child.send('go');
    const values = (await Promise.all(answers)).map(([report]) => (report as SecretsReport).value);
    expect(values[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(values).size).toBe(1);
    const kept = await adapter.open(place).read('auth/signing-key');
    expect(Buffer.from(kept!).toString('hex')).toBe(values[0]);
  });

  it('shows a whole value, and no resolved write is lost, when the writer is killed', async () => {
    for (let round = 0; round < 5; round++) {
      const child = adapter.start(place, 'write for ever');
      let resolved = 0;
      child.on('message', (report: SecretsReport) => {
        resolved = report.written ?? 0;
        if (resolved > 20 + round * 7) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const value = String(await adapter.open(place).read('auth/signing-key'));
      expect(value).toHaveLength(60_000);
      expect(value).toBe(value.slice(0, 10).repeat(6000));
      expect(Number(value.slice(0, 10))).toBeGreaterThanOrEqual(resolved);
    }
  });
}
