import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AppError } from '../lib/app-error.ts';
import { runCommand } from './command-line.ts';

let said: string;
beforeEach(() => {
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

it('says an operating error in a sentence, with its way out', async () => {
  const hint = 'Free some space.';
  await runCommand(() => Promise.reject(new AppError('UNAVAILABLE', 'the disk is full', { hint })));
  expect(said).toBe('UNAVAILABLE: the disk is full\n  Free some space.\n');
  expect(process.exitCode).toBe(1);
});

it('exits with 2 for settings', async () => {
  await runCommand(() => Promise.reject(new AppError('CONFIG_INVALID', 'http.port is no port')));
  expect(process.exitCode).toBe(2);
});

it('says what the system refused likewise, without a stack', async () => {
  await runCommand(async () => readFileSync('/nowhere/at/all'));
  expect(said).toContain("UNAVAILABLE: ENOENT: no such file or directory, open '/nowhere/at/all'");
  expect(said).not.toContain('    at ');
  expect(process.exitCode).toBe(1);
});

it('throws a bug on', async () => {
  await expect(runCommand(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
  expect(process.exitCode).toBeUndefined();
});
