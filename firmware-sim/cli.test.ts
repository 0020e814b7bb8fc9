import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ScriptedBroker, scriptedBroker } from './link/broker.fixture.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const RECORDING = fileURLToPath(new URL('recordings/cold-store.csv', import.meta.url));
let broker: ScriptedBroker;

beforeEach(async () => {
  broker = await scriptedBroker();
});
afterEach(() => broker.close());

describe('holdfast-sim', () => {
  it('shows examples with its options', async () => {
    const { code, text } = await sim('--help');
    expect(code).toBe(0);
    expect(text).toContain('holdfast-sim run --scenario cold-store');
    expect(text).toContain('holdfast-sim replay --csv');
  });

  it('replays a recording, and ends with the counts', async () => {
    const { code, text } = await sim(
      'replay',
      '--csv',
      RECORDING,
      '--speed',
      'max',
      '--url',
      broker.url,
    );
    expect(code).toBe(0);
    const count = broker.publishes.length;
    expect(lastLine(text)).toBe(
      `published ${count}, acknowledged ${count}, retried 0, not acknowledged 0`,
    );
  });

  it.each([
    [['replay', '--csv', 'none.csv'], 'can not read the recording none.csv'],
    [['replay', '--csv', RECORDING, '--speed', '-1'], 'give a number above 0'],
    [['run', '--scenario', 'volcano'], 'Allowed choices are cold-store'],
    [['run', '--scenario', 'cold-store', '--faults', 'hail'], '"hail" is no fault'],
  ])('%j says what is wrong', async (words, message) => {
    const { code, text } = await sim(...words);
    expect(code).toBe(1);
    expect(text).toContain(message);
    expect(text).not.toContain('    at ');
  });

  it('ends a run in good order when it is interrupted', async () => {
    const words = ['run', '--scenario', 'cold-store', '--devices', '5', '--url', broker.url];
    const child = spawn(process.execPath, [MAIN, ...words, '--rate', '100']);
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    const exited = new Promise((resolve) => child.on('exit', resolve));
    await vi.waitFor(() => expect(broker.publishes.length).toBeGreaterThan(5), { timeout: 10_000 });
    child.kill('SIGINT');
    expect(await exited).toBe(0);
    expect(lastLine(text)).toMatch(/^published \d+ .*not acknowledged 0$/);
  });
});

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)!;
}

function sim(...words: string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...words], (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, text: stdout + stderr });
    });
  });
}
