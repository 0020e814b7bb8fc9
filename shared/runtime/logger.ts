import fs from 'node:fs';
import { dirname } from 'node:path';
import pino from 'pino';

export type Logger = pino.Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Lines that wait while they cannot be written; what comes beyond is lost, and counted. */
const WAITING_BYTES_MAX = 256 * 1024;
/** When nobody writes another line. */
const RETRY_MS = 1000;
const STDERR = 2;

/**
 * JSON lines on stderr, or on `file`. Secrets never enter a log: these paths are cut out whatever a
 * caller passes.
 *
 * A disk that is full, or a reader that does not read, harms nobody but the log: its lines wait
 * until they can be written, up to a bound, and how many were lost is told then.
 */
export function createLogger(options: { name: string; level: LogLevel; file?: string }): Logger {
  const told = (lines: number): void => {
    logger.warn({ lines }, 'log lines were lost: they could not be written');
  };
  const logger = pino(
    {
      name: options.name,
      level: options.level,
      base: { process: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['password', 'secret', 'token', 'claimCode', '*.password', '*.secret', '*.token'],
    },
    new PatientLines(options.file === undefined ? STDERR : openLog(options.file), told),
  );
  return logger;
}

export const silentLogger: Logger = pino({ level: 'silent' });

function openLog(file: string): number {
  fs.mkdirSync(dirname(file), { recursive: true });
  return fs.openSync(file, 'a');
}

/**
 * The library's own destination ends the process when a write fails, or stops it until one does
 * not.
 */
class PatientLines {
  readonly #fd: number;
  readonly #told: (lost: number) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number, told: (lost: number) => void) {
    this.#fd = fd;
    this.#told = told;
  }

  write(text: string): void {
    const line = Buffer.from(text);
    if (this.#waitingBytes + line.byteLength > WAITING_BYTES_MAX) this.#lost += 1;
    else {
      this.#waiting.push(line);
      this.#waitingBytes += line.byteLength;
    }
    this.#flush();
  }

  #flush(): void {
    if (!this.#isWritten()) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#flush();
      }, RETRY_MS).unref();
    } else if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.#told(lost);
    }
  }

  /** Writes what waits; false when not all of it could be. */
  #isWritten(): boolean {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const written = this.#attempt(first);
      this.#waitingBytes -= written;
      if (written < first.byteLength) {
        this.#waiting[0] = first.subarray(written);
        return false;
      }
      this.#waiting.shift();
    }
    return true;
  }

  /** The bytes that were taken. */
  #attempt(line: Uint8Array): number {
    try {
      return fs.writeSync(this.#fd, line);
    } catch {
      // Whatever it is, the log is no place to tell it: the line waits.
      return 0;
    }
  }
}
