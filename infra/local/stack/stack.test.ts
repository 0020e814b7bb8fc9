import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgres } from './postgres.ts';
import { readRecord } from './record.ts';

const SCRIPT = join(import.meta.dirname, '..', 'stack.ts');
const absent = postgres.find().kind === 'absent';
const title = `the stack${absent ? ' (skipped: PostgreSQL is not installed)' : ''}`;
const isRoot = process.getuid?.() === 0;

let parent = '';
let folder = '';
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'holdfast-stack-'));
  // mkdtemp makes it private; PostgreSQL's account has to pass when the test runs as root.
  chmodSync(parent, 0o755);
  folder = join(parent, 'stack');
});
afterAll(async () => {
  // A test that failed half way has left its server.
  await stack('down');
  rmSync(parent, { recursive: true, force: true });
});

describe.skipIf(absent)(title, { timeout: 60_000 }, () => {
  it('starts an engine, finds it again, survives its death and stops it', async () => {
    const first = await stack('up', 'postgres');
    expect(first).toMatch(/^postgres up: postgres:\/\/holdfast:.+@127\.0\.0\.1:\d+\/holdfast\n$/);
    const { pid } = readRecord(folder)['postgres']!;
    expect(await stack('up', 'postgres')).toBe(first);
    expect(readRecord(folder)['postgres']!.pid).toBe(pid);
    expect(`postgres up: ${await stack('url', 'postgres')}`).toBe(first);
    expect(await stack('status')).toContain(`(pid ${pid})`);
    expect(statSync(join(folder, 'stack.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'postgres', 'password')).mode & 0o777).toBe(0o600);

    process.kill(pid, 'SIGKILL');
    await expect.poll(() => stack('status'), { timeout: 20_000 }).toBe('postgres down\n');
    expect(readFileSync(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8')).toContain(
      String(pid),
    );
    await stack('up', 'postgres');
    expect(readRecord(folder)['postgres']!.pid).not.toBe(pid);

    expect(await stack('down')).toBe('postgres down\n');
    expect(await stack('status')).toBe('postgres down\n');
    expect(await stack('down')).toBe('postgres down\n');
    await expect(stack('url', 'postgres')).rejects.toThrow(/npm run stack -- up postgres/);
  });

  it.skipIf(!isRoot)(
    'puts the data elsewhere, and says so, when a parent is closed for its account (root only)',
    async () => {
      chmodSync(parent, 0o700);
      const elsewhere = /the data are in (\/var\/lib\/holdfast-stack\/\w+)/;
      const { stderr } = await run(['up', 'postgres'], join(parent, 'closed'));
      const data = elsewhere.exec(stderr)?.[1] ?? '';
      expect(stderr).toContain(`${parent} is closed for postgres`);
      await run(['down'], join(parent, 'closed'));
      expect(data).not.toBe('');
      rmSync(data, { recursive: true });
      chmodSync(parent, 0o755);
    },
  );
});

describe('the command line of the stack', () => {
  it('says in one sentence what is wrong with it', async () => {
    await expect(stack('up', 'oracle')).rejects.toThrow(/there is no engine oracle/);
    await expect(stack('fly')).rejects.toThrow(/what shall be done/);
    await expect(stack('up', '--fast')).rejects.toThrow(/--fast/);
  });
});

async function stack(...args: string[]): Promise<string> {
  return (await run(args, folder)).stdout;
}

function run(args: string[], HOLDFAST_STACK_DIR: string) {
  const env = { ...process.env, HOLDFAST_STACK_DIR };
  return promisify(execFile)(process.execPath, [SCRIPT, ...args], { env });
}
