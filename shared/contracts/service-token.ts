import { z } from 'zod';

/** Secrets of services lie in the port `secrets` under this name, one per target. */
export function serviceClientSecretName(target: string): string {
  return `service-clients/${target}`;
}

export const SERVICE_CLIENT_SECRET_BYTES = 32;

/** `POST /v1/auth/service-token`: a service proves who it is. */
export const serviceTokenRequestSchema = z.strictObject({
  /** The target's name. */
  client: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  /** base64url. */
  secret: z.string().min(1).max(128),
});

export type ServiceTokenRequest = z.infer<typeof serviceTokenRequestSchema>;

export const serviceTokenAnswerSchema = z.strictObject({
  accessToken: z.string().min(1),
  tokenType: z.literal('Bearer'),
  expiresInSeconds: z.int().min(1),
});

export type ServiceTokenAnswer = z.infer<typeof serviceTokenAnswerSchema>;
