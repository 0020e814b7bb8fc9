import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { rfc3339Micros } from '@holdfast/shared/domain/reading-time.ts';
import { requireSite, sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import { z } from 'zod';
import type { Scope } from '../store/devices.ts';

const NAME_CHARS_MAX = 256;

/** Who works at a site. */
export const STAFF = ['operator', 'manager', 'administrator'] as const satisfies readonly Role[];

/** Stored names hold no U+0000, and a database refuses it. */
export const nameParameter = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .refine(
    (name) => !name.includes('\0') && name.isWellFormed(),
    'holds a character that no name has',
  );

/** Whatever a device called itself: long names are kept under a shorter one. */
export const deviceParams = z.strictObject({ id: z.string().min(1) });

/** An RFC 3339 time as microseconds since 1970. */
export const timeParameter = z
  .string()
  .transform((text, context) => {
    // A plus sign in a query string means a space: the zone of who did not encode it.
    const micros = rfc3339Micros(text.replace(/ (\d\d:\d\d)$/, '+$1'));
    if (micros !== undefined) return micros;
    context.addIssue({
      code: 'custom',
      message: 'must be an RFC 3339 time such as 2026-01-01T00:00:00Z',
    });
    return z.NEVER;
  })
  .meta({ format: 'date-time' });

/** What the principal may see, narrowed to a site that was asked for. */
export function scopeOf(principal: Principal, site: string | undefined): Scope {
  if (site === undefined) return { tenant: principal.tenant, sites: sitesOf(principal) };
  requireSite(principal, site);
  return { tenant: principal.tenant, sites: [site] };
}
