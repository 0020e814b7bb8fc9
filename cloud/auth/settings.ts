import { scopeNameSchema } from '@holdfast/shared/contracts/gateway-identity.ts';
import { z } from 'zod';

/** The settings under `auth`. */
export const authSettingsSchema = z
  .strictObject({
    /**
     * A user of each role in the tenant `dev`. Only while HTTP listens on loopback.
     */
    developmentUsers: z.boolean().default(false),
    /** How long a gateway's certificate is valid; it asks for the next one at two thirds. */
    gatewayCertificateHours: z
      .int()
      .min(1)
      .max(397 * 24)
      .default(90 * 24),
    registration: z
      .strictObject({
        /** Tenants whose customers may register themselves. */
        tenants: z.array(scopeNameSchema).max(1_000).default([]),
        perAddressAndHourMax: z.int().min(1).max(10_000).default(20),
        customersPerTenantMax: z.int().min(1).default(100_000),
      })
      .prefault({}),
    /** A claim code is used within this time. */
    claimHours: z.int().min(1).max(168).default(24),
    /** A session ends after this time, however often it was refreshed. */
    refreshDays: z.int().min(1).max(365).default(30),
    /** A signing key is followed by the next one after this time. */
    signingKeyDays: z.int().min(1).max(397).default(30),
    /** Failed sign-ins per minute for one user name from one address. */
    signInFailuresPerMinuteMax: z.int().min(1).max(1_000).default(10),
    /** Failed sign-ins per minute for one user name from all addresses. */
    signInFailuresPerUserMax: z.int().min(1).max(100_000).default(100),
  })
  .prefault({});

export type AuthSettings = z.infer<typeof authSettingsSchema>;
