import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../lib/app-error.ts';
import { type SimulatedClock, simulatedClock } from './clock.simulated.ts';
import { FailureLog } from './failure-log.ts';
import { createLogger } from './logger.ts';

let dir: string;
let clock: SimulatedClock;
let failures: FailureLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-failures-'));
  clock = simulatedClock();
  const log = createLogger({ name: 'test', level: 'info', file: join(dir, 'log') });
  failures = new FailureLog({ clock, log });
});
afterEach(() => rmSync(dir, { recursive: true }));

const lines = (): { err: { message: string }; msg: string; passedOver?: number }[] =>
  readFileSync(join(dir, 'log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const away = (): AppError =>
  new AppError('UNAVAILABLE', 'connect ECONNREFUSED 10.0.0.7:5432', { operatorOnly: true });

describe('a failed call', () => {
  it('is in the log whole, with the call it was, when it is no operating error', () => {
    for (const text of ['first', 'second']) {
      failures.report(new TypeError(text), 'a request failed', { path: '/v1/orders' });
    }
    expect(lines()).toMatchObject([
      { err: { message: 'first' }, msg: 'a request failed', path: '/v1/orders' },
      { err: { message: 'second' } },
    ]);
  });

  it('leaves no line when its caller is told all of it', () => {
    failures.report(new AppError('NOT_FOUND', 'no such order'), 'a request failed');
    expect(lines()).toEqual([]);
  });

  it('is one line a second and code when it is the operator’s, and counts the others', async () => {
    for (let nr = 0; nr < 500; nr++) failures.report(away(), 'a request failed');
    const full = new AppError('STORE_NOT_DURABLE', 'the disk failed', { operatorOnly: true });
    failures.report(full, 'a request failed');
    await clock.advance(1_000);
    failures.report(away(), 'a request failed');
    await clock.advance(1_000);
    failures.report(away(), 'a request failed');
    expect(lines().map(({ err, passedOver }) => [err.message, passedOver])).toEqual([
      ['connect ECONNREFUSED 10.0.0.7:5432', undefined],
      ['the disk failed', undefined],
      ['connect ECONNREFUSED 10.0.0.7:5432', 499],
      ['connect ECONNREFUSED 10.0.0.7:5432', undefined],
    ]);
  });
});
