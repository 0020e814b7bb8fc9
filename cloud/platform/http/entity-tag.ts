import { hash } from 'node:crypto';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';

/**
 * Strong entity tags (RFC 9110 §8.8): of a row by its version, of any other answer by its bytes.
 */
export function versionTag(version: bigint | number): string {
  return `"v${version}"`;
}

export function contentTag(text: string): string {
  return `"${hash('sha256', text, 'base64url').slice(0, 22)}"`;
}

/** What `If-Match` named. */
export interface IfMatch {
  /** True for `*`, too: then whatever is there may be changed. */
  matches(tag: string): boolean;
  /** Throws PRECONDITION_FAILED unless it matches. */
  require(tag: string): void;
}

/** Throws PRECONDITION_REQUIRED when it is missing. */
export function readIfMatch(header: string | undefined): IfMatch {
  if (header === undefined) {
    throw new AppError('PRECONDITION_REQUIRED', 'send If-Match with the ETag that you have seen', {
      hint: 'GET the entity first; its ETag says which version you change',
    });
  }
  // RFC 9110 §13.1.1 compares strongly: a weak tag matches nothing.
  const tags = header.split(',').map((part) => part.trim());
  const matches = (tag: string): boolean => tags.includes(tag) || tags.includes('*');
  return {
    matches,
    require(tag) {
      if (matches(tag)) return;
      throw new AppError('PRECONDITION_FAILED', `the entity has the tag ${tag} now`);
    },
  };
}

/** RFC 9110 §13.1.2: a list of tags, weak or not, or `*`. */
export function isNotModified(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((part) => part.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}

export interface TaggedAnswer {
  /** By the content when it is absent. */
  readonly tag?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** 200 with the body and its tag, or 304 when the client has just this. */
export function tagged(
  c: Context<HttpEnv>,
  body: object,
  { tag, headers: own }: TaggedAnswer = {},
): Response {
  const text = JSON.stringify(body);
  const etag = tag ?? contentTag(text);
  const headers = { etag, 'cache-control': 'no-cache', vary: 'Authorization', ...own };
  if (isNotModified(c.req.header('if-none-match'), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, { headers: { 'content-type': 'application/json', ...headers } });
}
