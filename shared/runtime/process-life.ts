import type { Logger } from './logger.ts';

const EXIT_TIMEOUT_MS = 20_000;

/**
 * Exit codes: 0 stopped as asked, 1 could not start or stop, 2 wrong usage or settings, 70 a bug
 * (sysexits.h).
 */
export const EXIT_BUG = 70;

/**
 * Stops the process on SIGTERM and SIGINT, once and with a deadline, and ends it at once when
 * something threw where nobody catches: after a bug nothing in memory is to be trusted, and the
 * disk has what was acknowledged.
 */
export function stopOnSignals(stop: () => Promise<void>, log: Logger): void {
  let stopping = false;
  const onSignal = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), EXIT_TIMEOUT_MS).unref();
    stop().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, 'did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const onBug = (err: unknown): void => {
    log.fatal({ err }, 'a bug: the process ends');
    process.exit(EXIT_BUG);
  };
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
}
