import { open } from 'node:fs/promises';
import { AppError } from '../lib/app-error.ts';

/** Where a command writes what can be long. */
export interface LineOutput {
  /** Resolves when there is room for more; false when nobody reads any longer. */
  write(text: string): Promise<boolean>;
  /** A file is synced when this resolves. */
  close(): Promise<void>;
}

const FILE_MODE = 0o600;

/**
 * Writes to a new file, or to stdout without one. A reader that goes away (`| head`) is no error.
 * Throws CONFLICT when the file is there, UNAVAILABLE when it cannot be written.
 */
export async function openLineOutput(file: string | undefined): Promise<LineOutput> {
  return file === undefined ? standardOutput() : newFile(file);
}

function standardOutput(): LineOutput {
  // Each write is told of its own failure; without a listener the same failure ends the process.
  const ignore = (): void => {};
  process.stdout.on('error', ignore);
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => {
          if (!error) resolve(true);
          else if (isGone(error)) resolve(false);
          else reject(error);
        });
      }),
    close: async () => {},
  };
}

/** Not by synchronous calls: a long loop of them would keep the process from anything else. */
async function newFile(file: string): Promise<LineOutput> {
  const handle = await attempt(file, () => open(file, 'wx', FILE_MODE));
  return {
    async write(text) {
      await attempt(file, () => handle.writeFile(text));
      return true;
    },
    async close() {
      await attempt(file, () => handle.sync());
      await handle.close();
    },
  };
}

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST')
      throw new AppError('CONFLICT', `${file} is there already`, {
        cause,
        hint: 'Name another file, or remove it.',
      });
    throw new AppError('UNAVAILABLE', `cannot write ${file}: ${codeOf(cause)}`, { cause });
  }
}

function isGone(error: Error): boolean {
  return ['EPIPE', 'ERR_STREAM_DESTROYED'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
