import { z } from 'zod';

/**
 * What a gateway and the cloud say to each other before there is mutual TLS: enrolment and renewal
 * over HTTPS.
 */

/** Tenants and sites are part of certificates, topics and keys, so their names stay plain. */
export const scopeNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -, and not start with -');

const PEM_CHARS_MAX = 8_192;
const pem = z.string().min(1).max(PEM_CHARS_MAX);

export const enrolRequestSchema = z.strictObject({
  claimId: z.string().min(1).max(64),
  secret: z.string().min(1).max(128),
  /** PKCS#10, PEM, EC P-256. Its subject is ignored: the cloud says who the gateway is. */
  csr: pem,
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const enrolAnswerSchema = z.object({
  gatewayId: z.string().min(1),
  tenant: scopeNameSchema,
  site: scopeNameSchema,
  /** PEM of the gateway's own certificate. */
  certificate: pem,
  /** PEM of the authority that signed it, and that signs the cloud's servers. */
  ca: pem,
  /** Where the gateway's stream goes. */
  grpcUrl: z.string().min(1),
});
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

export const nonceAnswerSchema = z.object({ nonce: z.string().min(1), expiresAt: z.string() });

export const renewalRequestSchema = z.strictObject({
  nonce: z.string().min(1).max(256),
  /** base64url of the DER signature (ECDSA P-256, SHA-256) over `renewalMessage`. */
  signature: z.base64url().max(256),
});
export type RenewalRequest = z.infer<typeof renewalRequestSchema>;

/** What the gateway signs. The first line keeps the signature from meaning anything elsewhere. */
export function renewalMessage(gatewayId: string, nonce: string): Buffer {
  return Buffer.from(`holdfast gateway certificate renewal v1\n${gatewayId}\n${nonce}`);
}

export interface GatewayName {
  readonly tenant: string;
  readonly site: string;
  readonly gatewayId: string;
}

const URI_PREFIX = 'urn:holdfast:gateway:';

/** The URI in a gateway's certificate (subject alternative name) that says who it is. */
export function gatewayUri({ tenant, site, gatewayId }: GatewayName): string {
  return `${URI_PREFIX}${tenant}/${site}/${gatewayId}`;
}

/** Undefined when it is no gateway's URI. */
export function parseGatewayUri(uri: string): GatewayName | undefined {
  if (!uri.startsWith(URI_PREFIX)) return undefined;
  const parts = uri.slice(URI_PREFIX.length).split('/');
  const [tenant, site, gatewayId] = parts;
  if (parts.length !== 3 || !tenant || !site || !gatewayId) return undefined;
  return { tenant, site, gatewayId };
}
