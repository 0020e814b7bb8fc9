import { execFile } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { message, type World, world } from '../buffer/buffer.case.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

let place: World;
beforeEach(() => {
  place = world();
});
afterEach(() => place.remove());

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Run> {
  const env = { ...process.env, HOLDFAST_DATA_DIR: place.folder };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

async function filled(): Promise<void> {
  const buffer = place.open();
  for (let at = 0; at < 3; at++) await buffer.append(message());
  await buffer.close();
}

function damageSecondGroup(): void {
  const database = new Sqlite(place.file);
  database.exec('update groups set body = zeroblob(length(body)) where last = 2');
  database.close();
}

describe('a stopped buffer', () => {
  it('without damage is clean: code 0', async () => {
    await filled();
    const { code, stdout } = await run('verify');
    expect(code).toBe(0);
    expect(stdout).toMatch(/3 messages in 3 groups and 0 blocks[\s\S]*\nclean\n$/);
  });

  it('with a damaged group is code 1, and says which and what to do', async () => {
    await filled();
    damageSecondGroup();
    const page = await run('verify');
    expect(page.code).toBe(1);
    expect(page.stdout).toMatch(/damaged: telemetry 2-2 of \S+: a group: .*checksum.*\n {2}\w/);
    const json = JSON.parse((await run('verify', '--json')).stdout);
    expect(json).toMatchObject({
      clean: false,
      findings: [{ kind: 'damaged', lane: 'telemetry', from: 2, to: 2 }],
    });
  });

  it('with a damaged group is exported without it, with a word about it and code 1', async () => {
    await filled();
    damageSecondGroup();
    const { code, stdout, stderr } = await run('export', '--lane', 'telemetry');
    expect(code).toBe(1);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toMatch(
      /^skipped: telemetry 2-2 of \S+: a group: .*checksum.*\n2 .*1 skipped\n$/,
    );
  });

  it('that is cut off is a finding, not a crash', async () => {
    await filled();
    truncateSync(place.file, 6_000);
    const { code, stdout, stderr } = await run('verify');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/structure: .*\n {2}\w/);
    const inspected = await run('inspect');
    expect(inspected.code).toBe(1);
    expect(inspected.stderr).toMatch(/^STORE_DAMAGED: /);
  });

  it.each(['verify', 'inspect', 'export'])('%s --help shows an example', async (command) => {
    const { code, stdout } = await run(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`\n  holdfast-gateway ${command}`);
  });
});
