import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { rfc3339Micros } from '@holdfast/shared/domain/reading-time.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import {
  requireRole,
  requireSite,
  sitesOf,
  type TokenVerifier,
} from '@holdfast/shared/runtime/access-token.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import { z } from 'zod';
import type { Scope } from '../store/devices.ts';

const NAME_CHARS_MAX = 256;

/** Stored names hold no U+0000, and a database refuses it. */
export const nameParameter = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .refine(
    (name) => !name.includes('\0') && name.isWellFormed(),
    'holds a character that no name has',
  );

/** An RFC 3339 time as microseconds since 1970. */
export const timeParameter = z.string().transform((text, context) => {
  // A plus sign in a query string means a space: the zone of who did not encode it.
  const micros = rfc3339Micros(text.replace(/ (\d\d:\d\d)$/, '+$1'));
  if (micros !== undefined) return micros;
  context.addIssue({
    code: 'custom',
    message: 'must be an RFC 3339 time such as 2026-01-01T00:00:00Z',
  });
  return z.NEVER;
});

/** The query of a request; a parameter that is unknown, wrong or given twice is REQUEST_INVALID. */
export function parseQuery<S extends z.ZodType>(c: Context<HttpEnv>, schema: S): z.output<S> {
  const given: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) {
      const field = { pointer: `/${name}`, detail: 'is given more than once' };
      throw new AppError('REQUEST_INVALID', `${field.pointer}: ${field.detail}`, {
        fields: [field],
      });
    }
    given[name] = values[0]!;
  }
  return schema.parse(given);
}

/** Who asks; only those who work at a site may. */
export async function authorise(c: Context<HttpEnv>, verifier: TokenVerifier): Promise<Principal> {
  const principal = await verifier.verify(c.req.header('authorization'));
  c.set('principal', principal);
  requireRole(principal, ['operator', 'manager', 'administrator']);
  return principal;
}

/** What the principal may see, narrowed to a site that was asked for. */
export function scopeOf(principal: Principal, site: string | undefined): Scope {
  if (site === undefined) return { tenant: principal.tenant, sites: sitesOf(principal) };
  requireSite(principal, site);
  return { tenant: principal.tenant, sites: [site] };
}
