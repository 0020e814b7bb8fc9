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
 * or 2 for settings. So does what the system refused: a full disk, a folder of somebody else.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (cause) {
    const error = isOfSystem(cause) ? ofSystem(cause) : cause;
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (error.hint) process.stderr.write(`  ${error.hint}\n`);
    process.exitCode = error.code === 'CONFIG_INVALID' ? 2 : 1;
  }
}

/** An error of a call to the system, as Node throws it. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error && 'syscall' in error;
}

function ofSystem(cause: NodeJS.ErrnoException): AppError {
  return new AppError('UNAVAILABLE', cause.message, {
    cause,
    hint: 'Look at the free space of the disk, and at the owner and mode of the data folder.',
  });
}
