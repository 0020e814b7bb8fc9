import { ERROR_CODES, type ErrorCode } from '../contracts/error-codes.ts';
import { AppError } from '../lib/app-error.ts';
import { AssertionError } from '../lib/assert.ts';
import { sqliteCode, sqliteError } from './sqlite.ts';

/** An error as it crosses between threads, which keep an error's text and lose its class. */
export interface ThreadError {
  readonly kind: 'app' | 'sqlite' | 'bug' | 'other';
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly operatorOnly: boolean;
  readonly stack: string | undefined;
  readonly cause: ThreadError | undefined;
}

export function errorToThread(error: unknown): ThreadError {
  if (!(error instanceof Error)) return errorToThread(new Error(String(error)));
  const { message, stack, cause } = error;
  const { kind, code } = kindOf(error);
  return {
    kind,
    code,
    message,
    hint: error instanceof AppError ? error.hint : undefined,
    operatorOnly: error instanceof AppError && error.operatorOnly,
    stack,
    cause: cause === undefined ? undefined : errorToThread(cause),
  };
}

export function errorFromThread(thrown: ThreadError): Error {
  const cause = thrown.cause && errorFromThread(thrown.cause);
  const error = revived(thrown, cause);
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

function kindOf(error: Error): { kind: ThreadError['kind']; code: string } {
  if (error instanceof AppError) return { kind: 'app', code: error.code };
  if (error instanceof AssertionError) return { kind: 'bug', code: '' };
  const code = sqliteCode(error);
  return { kind: code === '' ? 'other' : 'sqlite', code };
}

function revived(thrown: ThreadError, cause: Error | undefined): Error {
  const { kind, code, message, hint, operatorOnly } = thrown;
  if (kind === 'app' && code in ERROR_CODES) {
    const options = { cause, operatorOnly, ...(hint ? { hint } : {}) };
    return new AppError(code as ErrorCode, message, options);
  }
  if (kind === 'bug') return new AssertionError(message);
  if (kind === 'sqlite') return sqliteError(code, message);
  return new Error(message, { cause });
}
