import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from './logger.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-logger-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

interface Line {
  readonly msg: string;
  readonly lines?: number;
}

function opened() {
  const file = join(folder, 'log', 'holdfast.log');
  const log = createLogger({ name: 'test', level: 'info', file });
  const lines = (): Line[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  return { log, lines, texts: () => lines().map(({ msg }) => msg) };
}

/** Until the call of what it gives, no write takes a byte. */
function failWrites(code: 'ENOSPC' | 'EAGAIN' | 'EIO'): () => void {
  const spy = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw Object.assign(new Error(code), { code });
  });
  return () => spy.mockRestore();
}

describe('a log', () => {
  it('holds a line of JSON for each call, without secrets', () => {
    const { log, lines } = opened();
    log.info({ password: 'p', client: { token: 't' }, site: 'site-1' }, 'hello');
    expect(lines()).toEqual([
      expect.objectContaining({
        msg: 'hello',
        process: 'test',
        site: 'site-1',
        password: '[Redacted]',
        client: { token: '[Redacted]' },
      }),
    ]);
  });

  it('on a full device harms nobody', () => {
    const log = createLogger({ name: 'test', level: 'info', file: '/dev/full' });
    for (let line = 0; line < 10; line++) log.info({ line }, 'no room');
  });

  it.each(['ENOSPC', 'EAGAIN', 'EIO'] as const)('that meets %s keeps its lines', (code) => {
    const { log, texts } = opened();
    log.info('before');
    const room = failWrites(code);
    log.info('first');
    log.info('second');
    room();
    log.info('after');
    expect(texts()).toEqual(['before', 'first', 'second', 'after']);
  });

  it('loses what it cannot hold, and says how much', () => {
    const { log, lines, texts } = opened();
    const room = failWrites('ENOSPC');
    const filling = 'x'.repeat(1000);
    for (let line = 0; line < 400; line++) log.info({ filling }, `line ${line}`);
    room();
    log.info({ filling }, 'too long for what is left');
    log.info('after');
    const kept = texts().filter((text) => text.startsWith('line '));
    expect(kept.length).toBeGreaterThan(100);
    expect(kept).toEqual(kept.map((_, line) => `line ${line}`));
    expect(texts().slice(kept.length)).toEqual([expect.stringContaining('were lost'), 'after']);
    expect(kept.length + lines().at(-2)!.lines!).toBe(401);
  });

  it('goes on in the middle of a line that was taken in part', () => {
    const { log, texts } = opened();
    const write = fs.writeSync;
    const spy = vi
      .spyOn(fs, 'writeSync')
      .mockImplementation(((fd: number, line: Uint8Array) =>
        write(fd, line.subarray(0, 20))) as typeof fs.writeSync);
    log.info('first');
    spy.mockRestore();
    log.info('second');
    expect(texts()).toEqual(['first', 'second']);
  });

  it('tries again by itself', () => {
    vi.useFakeTimers();
    const { log, texts } = opened();
    const room = failWrites('ENOSPC');
    log.info('the last one');
    room();
    vi.advanceTimersByTime(1000);
    expect(texts()).toEqual(['the last one']);
    vi.useRealTimers();
  });
});
