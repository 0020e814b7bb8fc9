import type { ErrorCode } from '../contracts/error-codes.ts';
import { AppError } from '../lib/app-error.ts';
import type { Runtime } from './runtime.ts';

/** Of one code; what comes sooner is counted and told with the next line. */
const PAUSE_MS = 1_000;

interface LastLine {
  readonly atMs: number;
  passedOver: number;
}

/**
 * What those who run the process must hear of failed calls, since the caller is not told: every
 * failure that is no operating error, and of those that are for the operator alone at most one
 * line a second and code, so that a database that is away does not fill the log.
 */
export class FailureLog {
  readonly #runtime: Pick<Runtime, 'clock' | 'log'>;
  readonly #last = new Map<ErrorCode, LastLine>();

  constructor(runtime: Pick<Runtime, 'clock' | 'log'>) {
    this.#runtime = runtime;
  }

  /** `fields` say which call it was. */
  report(err: unknown, text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const { clock, log } = this.#runtime;
    if (!(err instanceof AppError)) {
      log.error({ err, ...fields }, text);
      return;
    }
    if (!err.operatorOnly) return;
    const atMs = clock.monotonicMs();
    const last = this.#last.get(err.code);
    if (last && atMs - last.atMs < PAUSE_MS) {
      last.passedOver += 1;
      return;
    }
    this.#last.set(err.code, { atMs, passedOver: 0 });
    const { passedOver = 0 } = last ?? {};
    log.error({ err, ...fields, ...(passedOver > 0 && { passedOver }) }, text);
  }
}
