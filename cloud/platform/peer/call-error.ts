import { ERROR_CODES, type ErrorCode, type Retry } from '@holdfast/shared/contracts/error-codes.ts';
import { AppError, toldOf } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import { z } from 'zod';

/** Headers of a status are small: what is longer is cut. */
const TEXT_CHARS_MAX = 1_000;
const FIELDS_MAX = 10;

/** An error as it crosses from the callee to the caller: nothing of it is shared by reference. */
export interface ErrorReply {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: Retry;
  readonly retryAfterMs?: number | undefined;
  readonly hint?: string | undefined;
  readonly fields?: readonly { readonly pointer: string; readonly detail: string }[] | undefined;
}

const replySchema = z.object({
  code: z.string(),
  message: z.string(),
  retry: z.enum(['never', 'later', 'now']),
  retryAfterMs: z.number().nonnegative().optional(),
  hint: z.string().optional(),
  fields: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

/** What is not an operating error, or is the operator's alone, says nothing about the inside. */
export function errorReplyOf(error: unknown): ErrorReply {
  if (!(error instanceof AppError)) {
    const message = 'an internal error of the peer; its log has the details';
    return { code: 'INTERNAL', message, retry: 'later' };
  }
  const { code, message, retry, retryAfterMs, hint, fields } = toldOf(error);
  return {
    code,
    message: message.slice(0, TEXT_CHARS_MAX),
    retry,
    retryAfterMs,
    hint: hint?.slice(0, TEXT_CHARS_MAX),
    fields: fields.slice(0, FIELDS_MAX).map(({ pointer, detail }) => ({
      pointer: pointer.slice(0, TEXT_CHARS_MAX),
      detail: detail.slice(0, TEXT_CHARS_MAX),
    })),
  };
}

export function errorOf(reply: ErrorReply): AppError {
  const { code, message, retry, retryAfterMs, hint, fields } = reply;
  return new AppError(code, message, {
    retry,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(hint === undefined ? {} : { hint }),
    ...(fields === undefined ? {} : { fields }),
  });
}

/** Undefined when it is none. A code that this release does not know yet is INTERNAL. */
export function parseErrorReply(text: string): ErrorReply | undefined {
  const parsed = replySchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { code } = parsed.data;
  return { ...parsed.data, code: code in ERROR_CODES ? (code as ErrorCode) : 'INTERNAL' };
}

/** What the callee's own log and process are told of a failure that its caller must not see. */
export function reportFailure(failures: FailureLog, error: unknown, method: string): void {
  failures.report(error, 'a call of a peer failed', { method });
  // A bug stops the process: it is thrown where nobody catches it.
  if (error instanceof AssertionError) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
