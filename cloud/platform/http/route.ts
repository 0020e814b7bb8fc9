import type { ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import type { z } from 'zod';
import type { IfMatch } from './entity-tag.ts';
import type { IdempotentRequest } from './idempotency.ts';
import type { RateClass } from './rate-limit.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * All that a route promises and takes. The document, the checks and the handler's types come from
 * it, so they cannot disagree.
 */
export interface Route {
  readonly method: Method;
  /** As OpenAPI writes it: `/v1/orders/{id}`. */
  readonly path: `/${string}`;
  /** The service, or a part of it that has a page of its own in `/docs`. */
  readonly tag: string;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly description?: string;
  /** Nobody in particular, or who has one of these roles; ROLES is whoever has signed in. */
  readonly caller: 'public' | readonly Role[];
  /**
   * Strict objects, each of texts as they come (`z.string()` and what makes something of one). What
   * is wrong in `params` is NOT_FOUND: what is no id names nothing.
   */
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** By their names in lower case; only those that are named are looked at. */
  readonly headers?: z.ZodObject;
  /** JSON. Without it a body is refused, but for `{}`. */
  readonly body?: z.ZodType;
  /** In place of `body`: bytes as they are. */
  readonly upload?: Upload;
  /** What it answers when all is well, by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that every route may answer, see `problemsOf`. */
  readonly problems?: readonly ErrorCode[];
  /** A POST that creates: without `Idempotency-Key` it is IDEMPOTENCY_KEY_MISSING. */
  readonly creates?: true;
  /** Without `If-Match` it is PRECONDITION_REQUIRED. */
  readonly needsIfMatch?: true;
  /** Answers with an entity tag, and 304 to `If-None-Match`. */
  readonly tagged?: true;
  /** Cursor pages: `limit`, `cursor`, `next_cursor`, `Link`. Its answers are tagged. */
  readonly list?: true;
  /** In place of the app's deadline, for a report that takes longer than an answer may. */
  readonly timeoutMs?: number;
  /** Whose budget it takes from; by default a GET reads and everything else writes. */
  readonly rate?: RateClass;
}

export interface Upload {
  readonly mediaTypes: readonly string[];
  readonly bytesMax: number;
}

export interface Answer {
  readonly description: string;
  /** Absent when the answer has no body. */
  readonly body?: z.ZodType;
  /** Of what is not JSON. */
  readonly mediaType?: string;
  /** Name and meaning of headers of its own, `Location` for example. */
  readonly headers?: Readonly<Record<string, string>>;
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** What a handler gets: everything that was checked. */
export interface Call<R extends Route = Route> {
  readonly c: Context<HttpEnv>;
  readonly principal: R['caller'] extends 'public' ? undefined : Principal;
  readonly params: Parsed<R['params']>;
  readonly query: Parsed<R['query']>;
  readonly headers: Parsed<R['headers']>;
  readonly body: R['upload'] extends Upload ? UploadedBody : Parsed<R['body']>;
  readonly idempotency: R['creates'] extends true ? IdempotentRequest : undefined;
  readonly ifMatch: R['needsIfMatch'] extends true ? IfMatch : undefined;
}

export interface UploadedBody {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export type Handler<R extends Route> = (call: Call<R>) => Response | Promise<Response>;

const OF_EVERY_ROUTE: readonly ErrorCode[] = [
  'REQUEST_INVALID',
  'RATE_LIMITED',
  'INTERNAL',
  'UNAVAILABLE',
  'SQL_CONTENTION',
  'DEADLINE_EXCEEDED',
];

/** Every problem that a route may answer. */
export function problemsOf(route: Route): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...OF_EVERY_ROUTE, ...(route.problems ?? [])]);
  const add = (...more: readonly ErrorCode[]): void => {
    for (const code of more) codes.add(code);
  };
  if (route.caller !== 'public') add('TOKEN_MISSING', 'TOKEN_INVALID', 'FORBIDDEN');
  if (route.params) add('NOT_FOUND');
  if (route.method !== 'get') add('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (route.creates) {
    add('IDEMPOTENCY_KEY_MISSING', 'IDEMPOTENCY_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED');
  }
  if (route.needsIfMatch) add('PRECONDITION_REQUIRED', 'PRECONDITION_FAILED');
  return [...codes];
}
