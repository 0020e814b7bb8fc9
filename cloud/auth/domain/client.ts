/** A program that acts for a tenant with the role `service`. It never changes: it is replaced. */
export interface Client {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly sites: readonly string[];
  /** Microseconds. */
  readonly createdAt: bigint;
}

/** Of one tenant. */
export const CLIENTS_MAX = 1_000;
export const CLIENT_SECRET_BYTES = 32;
