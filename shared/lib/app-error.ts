import { ERROR_CODES, type ErrorCode, type Retry } from '../contracts/error-codes.ts';

export interface AppErrorOptions {
  /** What the reader can do about it: names the setting or field and the way out. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** JSON pointers into the request, with what is wrong there. */
  readonly fields?: readonly { readonly pointer: string; readonly detail: string }[];
  /** Replaces the code's own answer to "when can a retry help?". */
  readonly retry?: Retry;
  readonly retryAfterMs?: number;
  /**
   * Message and hint are for those who run the process: they name addresses, files or a driver's
   * words. Callers get `toldOf` it, and the log the rest.
   */
  readonly operatorOnly?: boolean;
}

/**
 * An operating error: thrown where it happens, mapped once at the border. Bugs are assertions,
 * outcomes are returned.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly retry: Retry;
  readonly hint: string | undefined;
  readonly fields: readonly { readonly pointer: string; readonly detail: string }[];
  readonly retryAfterMs: number | undefined;
  readonly operatorOnly: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = ERROR_CODES[code].status;
    this.retry = options.retry ?? ERROR_CODES[code].retry;
    this.hint = options.hint;
    this.fields = options.fields ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.operatorOnly = options.operatorOnly ?? false;
  }
}

/** What a caller is told of an error: nothing about the inside when that is the operator's. */
export function toldOf(error: AppError): AppError {
  if (!error.operatorOnly) return error;
  const { code, retry, retryAfterMs } = error;
  const message = `${ERROR_CODES[code].title.toLowerCase()}; the log of the server has the details`;
  return new AppError(code, message, {
    retry,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
