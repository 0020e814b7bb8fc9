import { scopeNameSchema } from '@holdfast/shared/contracts/gateway-identity.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
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

export const gatewayIdSchema = z.string().regex(/^gw_[0-9a-f-]{36}$/);

const nothing = z.strictObject({});

/** The body, and no query: a parameter that does nothing is an error, not a surprise. */
export async function parseBody<T>(c: Context<HttpEnv>, schema: z.ZodType<T>): Promise<T> {
  nothing.parse(c.req.query());
  return schema.parse(await c.req.json());
}

/** For paths that take neither query nor body; a body of `{}` is let pass. */
export async function expectNothing(c: Context<HttpEnv>): Promise<void> {
  nothing.parse(c.req.query());
  const text = await c.req.text();
  if (text !== '') nothing.parse(JSON.parse(text));
}

/** What is no gateway's id names no gateway. */
export function gatewayIdOf(c: Context<HttpEnv>): string {
  const id = gatewayIdSchema.safeParse(c.req.param('id'));
  if (id.success) return id.data;
  throw new AppError('NOT_FOUND', 'there is no such gateway');
}

/** Of the peer as the socket knows it; requests that never crossed a socket share one. */
export function addressOf(c: Context<HttpEnv>): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return env?.incoming?.socket?.remoteAddress ?? 'in-process';
}
