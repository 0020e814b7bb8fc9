import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import { z } from 'zod';
import { tagged } from './entity-tag.ts';

/** The conventions of lists: opaque cursors, `Link: rel=next`, entity tags for who polls. */
export const LIST_LIMIT_MAX = 100;
export const LIST_LIMIT_DEFAULT = 50;

const CURSOR_CHARS_MAX = 2_048;

/** A count in a query string. */
export function limitParameter(options: { readonly preset?: number; readonly max?: number } = {}) {
  const { preset = LIST_LIMIT_DEFAULT, max = LIST_LIMIT_MAX } = options;
  return z
    .string()
    .regex(/^[0-9]{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .default(preset)
    .meta({ type: 'integer', minimum: 1, maximum: max, default: preset, pattern: undefined });
}

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
    .optional()
    .meta({ description: '`next_cursor` of the page before.' });
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

/** A page as it is answered: `pageSchema(orderSchema)`. */
export function pageSchema<S extends z.ZodType>(item: S) {
  return z.strictObject({
    items: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
  });
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

/** Answers a page with its tag and the link to the next; 304 when the client has just this. */
export function pageReply<B extends { readonly next_cursor: string | null }>(
  c: Context<HttpEnv>,
  body: B,
): Response {
  if (body.next_cursor === null) return tagged(c, body);
  return tagged(c, body, { headers: { link: `<${nextUrl(c, body.next_cursor)}>; rel="next"` } });
}

/** Relative, since a proxy may know this server by another name. */
function nextUrl(c: Context<HttpEnv>, cursor: string): string {
  const url = new URL(c.req.url);
  url.searchParams.set('cursor', cursor);
  return `${url.pathname}${url.search}`;
}
