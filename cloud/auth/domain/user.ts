import { scopeNameSchema } from '@holdfast/shared/contracts/gateway-identity.ts';
import { ROLES, type Role } from '@holdfast/shared/contracts/roles.ts';
import { z } from 'zod';
import { PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN } from './password-hash.ts';

/**
 * A user has one set of roles over one set of sites of one tenant, as an access token says it: who
 * is to be a manager at one site and an operator at another has two users. User names are unique
 * over all tenants, as sign-in names no tenant.
 */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly sites: readonly string[];
  readonly origin: UserOrigin;
  /** Microseconds; a disabled user cannot sign in nor refresh. */
  readonly disabledAt: bigint | null;
  /** Grows with each change of its rights. */
  readonly version: number;
}

/**
 * A development user is good only while `auth.developmentUsers` is set, whatever the database was
 * copied from.
 */
export type UserOrigin = 'development' | 'created' | 'registered';

export const USERNAME_CHARS_MAX = 128;

const rolesSchema = z.array(z.enum(ROLES)).min(1).max(ROLES.length);
export const sitesSchema = z
  .array(z.union([z.literal('*'), scopeNameSchema]))
  .min(1)
  .max(100);

export const newUserSchema = z.strictObject({
  username: z
    .string()
    .max(USERNAME_CHARS_MAX)
    .regex(/^[a-z0-9][a-z0-9._@+-]*$/, 'must be lower-case letters, digits and . _ @ + -'),
  password: z.string().min(PASSWORD_CHARS_MIN).max(PASSWORD_CHARS_MAX),
  tenant: scopeNameSchema,
  sites: sitesSchema,
  roles: rolesSchema,
});
export type NewUser = z.infer<typeof newUserSchema>;

export const userPatchSchema = z.strictObject({
  roles: rolesSchema.optional(),
  sites: sitesSchema.optional(),
  disabled: z.boolean().optional(),
});
export type UserPatch = z.infer<typeof userPatchSchema>;

/** The user with other rights; one that was disabled stays so since then. */
export function withRights(user: User, patch: UserPatch, now: bigint): User {
  const disabled = patch.disabled ?? user.disabledAt !== null;
  return {
    ...user,
    roles: patch.roles ?? user.roles,
    sites: patch.sites ?? user.sites,
    disabledAt: disabled ? (user.disabledAt ?? now) : null,
    version: user.version + 1,
  };
}

export function maySignIn(user: User, settings: { developmentUsers: boolean }): boolean {
  if (user.disabledAt !== null) return false;
  return user.origin !== 'development' || settings.developmentUsers;
}
