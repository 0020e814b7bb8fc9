import type { Generated } from 'kysely';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';

/** Times are integer microseconds since 1970. Lists are JSON texts: nobody queries into them. */
export interface AuthTables extends OutboxTables {
  users: {
    id: string;
    username: string;
    tenant: string;
    password_hash: string;
    roles: string;
    sites: string;
    origin: string;
    disabled_at: bigint | null;
    created_at: bigint;
    version: Generated<bigint>;
  };
  /** Machine users of a tenant. */
  clients: {
    id: string;
    tenant: string;
    name: string;
    sites: string;
    secret_digest: string;
    created_by: string;
    created_at: bigint;
  };
  /** One per sign-in; its tokens replace one another. */
  refresh_families: {
    id: string;
    user_id: string;
    created_at: bigint;
    expires_at: bigint;
    revoked_at: bigint | null;
  };
  refresh_tokens: {
    digest: string;
    family_id: string;
    used_at: bigint | null;
  };
  /** From the claim on; what is null comes with the enrolment. */
  gateways: {
    id: string;
    tenant: string;
    site: string;
    name: string | null;
    claim_id: string;
    claim_secret_digest: string;
    claim_expires_at: bigint;
    claimed_by: string;
    created_at: bigint;
    public_key: string | null;
    certificate: string | null;
    certificate_expires_at: bigint | null;
    enrolled_at: bigint | null;
    revoked_at: bigint | null;
    revoked_by: string | null;
  };
  /** Within their window; see sign-in-failures.ts. */
  sign_in_failures: {
    digest: string;
    failures: bigint;
    expires_at: bigint;
  };
  /** Nonces that were used and have not expired yet. */
  renewal_nonces: {
    digest: string;
    expires_at: bigint;
  };
}
