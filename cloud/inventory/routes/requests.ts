import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { allowsSite, sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { z } from 'zod';
import type { Idempotency } from '../../platform/http/idempotency.ts';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import type { Desk } from '../store/desk.ts';
import type { LevelScope } from '../store/levels.ts';
import type { InventoryTables } from '../store/tables.ts';

export interface RouteDeps {
  readonly sql: Sql<InventoryTables>;
  readonly desk: Desk;
  readonly idempotency: Idempotency<InventoryTables>;
  readonly outbox: Outbox;
  readonly policy: Policy;
  readonly runtime: Runtime;
}

export const READERS: readonly Role[] = ['operator', 'manager', 'administrator', 'service'];
export const WRITERS: readonly Role[] = ['operator', 'manager', 'administrator'];
export const RESOLVERS: readonly Role[] = ['manager', 'administrator'];

const NAME_CHARS_MAX = 128;

/** An item's code, a site. */
export const nameSchema = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .refine((name) => !name.includes('\0') && name.isWellFormed(), 'holds a character no name has');

/** What the principal may see, narrowed to a site that was asked for; elsewhere is nothing. */
export function scopeOf(principal: Principal, site: string | undefined): LevelScope {
  const { tenant } = principal;
  if (site === undefined) return { tenant, sites: sitesOf(principal) };
  return { tenant, sites: allowsSite(principal, site) ? [site] : [] };
}

/** For writes: a site that is not the principal's is not there (I10). */
export function requireOwnSite(principal: Principal, site: string): void {
  if (allowsSite(principal, site)) return;
  throw new AppError('NOT_FOUND', `there is no site ${site}`);
}
