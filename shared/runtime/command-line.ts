import { createInterface } from 'node:readline/promises';
import { AppError } from '../lib/app-error.ts';

/** The environment as commands see it. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The first line of stdin, without its end; a person at a terminal is asked with `prompt`. */
export async function readLine(prompt: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(prompt);
  for await (const line of createInterface({ input: process.stdin })) return line;
  return '';
}

/**
 * Runs a command; an operating error becomes a sentence with its way out on stderr and exit code 1,
 * or 2 for settings.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (error.hint) process.stderr.write(`  ${error.hint}\n`);
    process.exitCode = error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
}
