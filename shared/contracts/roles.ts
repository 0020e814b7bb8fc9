/** Roles are bound to a tenant and to sites; '*' stands for all sites of the tenant. */
export const ROLES = ['customer', 'operator', 'manager', 'administrator', 'service'] as const;
export type Role = (typeof ROLES)[number];

/** Who speaks: the verified content of an access token. */
export interface Principal {
  readonly subject: string;
  readonly tenant: string;
  readonly sites: readonly string[];
  readonly roles: readonly Role[];
}
