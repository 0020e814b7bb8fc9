import { createHash } from 'node:crypto';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import { z } from 'zod';

/** The conventions of lists: opaque cursors, `Link: rel=next`, entity tags for who polls. */
export const LIST_LIMIT_MAX = 100;

/** A count in a query string. */
export function limitParameter(options: { readonly preset: number; readonly max: number }) {
  return z
    .string()
    .regex(/^[0-9]{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(options.max))
    .default(options.preset);
}

const CURSOR_CHARS_MAX = 2_048;

/** A cursor that holds `position`; whatever else comes back is refused. */
export function cursorParameter<S extends z.ZodType>(position: S) {
  return z
    .string()
    .max(CURSOR_CHARS_MAX)
    .transform((text, context): z.output<S> => {
      const held = position.safeParse(parsed(text));
      if (held.success) return held.data;
      context.addIssue({ code: 'custom', message: 'is not a cursor of this list' });
      return z.NEVER;
    })
    .optional();
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    // Not made here, which the caller says.
    return undefined;
  }
}

export function cursorOf(position: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** One more than asked for was read: it only says that there is a next page. */
export function pageOf<T>(
  found: readonly T[],
  limit: number,
  position: (last: T) => readonly unknown[],
): { readonly items: readonly T[]; readonly next: string | null } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const next = found.length > limit && last !== undefined ? cursorOf(position(last)) : null;
  return { items, next };
}

/** Answers with an entity tag; 304 when the client has just this. */
export function reply<B extends object & { readonly next_cursor?: string | null }>(
  c: Context<HttpEnv>,
  body: B,
): Response {
  const text = JSON.stringify(body);
  const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  const headers = new Headers({ etag: tag, 'cache-control': 'no-cache', vary: 'Authorization' });
  if (body.next_cursor) headers.set('link', `<${nextUrl(c, body.next_cursor)}>; rel="next"`);
  if (matches(c.req.header('if-none-match'), tag))
    return new Response(null, { status: 304, headers });
  headers.set('content-type', 'application/json');
  return new Response(text, { headers });
}

/** Relative, since a proxy may know this server by another name. */
function nextUrl(c: Context<HttpEnv>, cursor: string): string {
  const url = new URL(c.req.url);
  url.searchParams.set('cursor', cursor);
  return `${url.pathname}${url.search}`;
}

/** RFC 9110 §13.1.2: a list of tags, weak or not, or `*`. */
function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((part) => part.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}
