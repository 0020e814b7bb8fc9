import { ERROR_CODES, type ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import { AppError, toldOf } from '@holdfast/shared/lib/app-error.ts';
import type { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import type { GraphQLError } from 'graphql';
import { createGraphQLError } from 'graphql-yoga';

/** An error as GraphQL answers it: `extensions.code` is a code of the table (docs/errors.md). */
export function refusal(code: ErrorCode, message: string, cause?: GraphQLError): GraphQLError {
  return createGraphQLError(message, {
    ...(cause && { nodes: cause.nodes, source: cause.source, path: cause.path }),
    ...(cause?.positions && { positions: cause.positions }),
    extensions: { code, http: { status: ERROR_CODES[code].status } },
  });
}

/**
 * Whatever was thrown, as it is answered. What is no operating error, or is the operator's alone,
 * says nothing about the inside, and is logged.
 */
export function answered(error: unknown, failures: FailureLog): GraphQLError {
  const own = isGraphQLError(error) ? error : undefined;
  const cause = rootOf(error);
  if (isGraphQLError(cause)) return withCode(cause);
  failures.report(cause, 'a GraphQL request failed');
  if (cause instanceof AppError) {
    const { code, message, fields, hint } = toldOf(cause);
    const masked = refusal(code, message, own);
    if (fields.length > 0) masked.extensions['errors'] = fields;
    if (hint !== undefined) masked.extensions['hint'] = hint;
    // Of a field that failed beside others that did not: the request itself was good.
    if (own?.path) delete masked.extensions['http'];
    return masked;
  }
  const masked = refusal('INTERNAL', 'an internal error; the log has the details', own);
  if (own?.path) delete masked.extensions['http'];
  return masked;
}

/** By name: the parser's class may have been loaded twice, as a module and as a script. */
function isGraphQLError(error: unknown): error is GraphQLError {
  return error instanceof Error && error.name === 'GraphQLError';
}

function rootOf(error: unknown): unknown {
  let cause = error;
  while (isGraphQLError(cause) && cause.originalError) cause = cause.originalError;
  return cause;
}

/** Of the parser, the rules and the library's own checks: the request is not valid. */
function withCode(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions as { code?: string; http?: { status?: number } };
  if (code !== undefined && code in ERROR_CODES) return error;
  const isTooLarge = http?.status === ERROR_CODES.PAYLOAD_TOO_LARGE.status;
  const known = isTooLarge ? 'PAYLOAD_TOO_LARGE' : 'REQUEST_INVALID';
  error.extensions['code'] = known;
  error.extensions['http'] = { ...http, status: http?.status ?? ERROR_CODES[known].status };
  return error;
}
