import pino from 'pino';

export type Logger = pino.Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines on stderr, or on `file`. Secrets never enter a log: these paths are cut out whatever a
 * caller passes.
 */
export function createLogger(options: { name: string; level: LogLevel; file?: string }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { process: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['password', 'secret', 'token', 'claimCode', '*.password', '*.secret', '*.token'],
    },
    pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
