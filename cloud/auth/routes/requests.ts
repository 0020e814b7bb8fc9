import { scopeNameSchema } from '@holdfast/shared/contracts/gateway-identity.ts';
import { z } from 'zod';
import { PASSWORD_CHARS_MAX } from '../domain/password-hash.ts';
import { USERNAME_CHARS_MAX } from '../domain/user.ts';

export const tokenRequestSchema = z.strictObject({
  username: z.string().min(1).max(USERNAME_CHARS_MAX).toLowerCase(),
  password: z.string().min(1).max(PASSWORD_CHARS_MAX),
});

export const refreshRequestSchema = z.strictObject({
  refreshToken: z.string().min(1).max(128),
});

export const claimRequestSchema = z.strictObject({
  site: scopeNameSchema,
  /** What people call it. */
  name: z.string().trim().min(1).max(100).optional(),
});

export const gatewayParams = z.strictObject({ id: z.string().regex(/^gw_[0-9a-f-]{36}$/) });
