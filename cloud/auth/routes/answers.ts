import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { z } from 'zod';

/** What the paths answer, for the document and its checks. */

export const tokensAnswer = z
  .strictObject({
    accessToken: z.string(),
    tokenType: z.literal('Bearer'),
    expiresInSeconds: z.int(),
    refreshToken: z.string().meta({ description: 'Good once.' }),
  })
  .meta({ id: 'Tokens' });

export const accessTokenAnswer = z
  .strictObject({
    accessToken: z.string(),
    tokenType: z.literal('Bearer'),
    expiresInSeconds: z.int(),
  })
  .meta({ id: 'AccessToken' });

export const acceptedAnswer = z
  .strictObject({ status: z.literal('accepted') })
  .meta({ id: 'Accepted' });

export const principalAnswer = z
  .strictObject({
    subject: z.string(),
    tenant: z.string(),
    sites: z.array(z.string()),
    roles: z.array(z.enum(ROLES)),
  })
  .meta({ id: 'Principal' });

export const claimAnswer = z
  .strictObject({ claimCode: z.string(), gatewayId: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: 'Claim' });

export const jwksAnswer = z
  .object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional() })) })
  .meta({ id: 'KeySet' });
