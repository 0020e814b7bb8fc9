import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { Enrolment, Gateway } from '../domain/gateway.ts';
import { DAY_MICROS } from '../domain/times.ts';
import type { AuthTables } from './tables.ts';

/**
 * A claim that nobody used is forgotten so long after it expired; until then its user is told that
 * it has expired.
 */
const UNUSED_CLAIM_KEPT_MICROS = 30n * DAY_MICROS;

export interface NewClaim {
  readonly gatewayId: string;
  readonly tenant: string;
  readonly site: string;
  readonly name: string | null;
  readonly claimId: string;
  readonly secretDigest: string;
  readonly expiresAt: bigint;
  readonly claimedBy: string;
  readonly now: bigint;
}

export function insertClaim(sql: Sql<AuthTables>, claim: NewClaim): Promise<void> {
  return sql.transaction(async (tx) => {
    await tx
      .deleteFrom('gateways')
      .where('enrolled_at', 'is', null)
      .where('claim_expires_at', '<', claim.now - UNUSED_CLAIM_KEPT_MICROS)
      .execute();
    await tx
      .insertInto('gateways')
      .values({
        id: claim.gatewayId,
        tenant: claim.tenant,
        site: claim.site,
        name: claim.name,
        claim_id: claim.claimId,
        claim_secret_digest: claim.secretDigest,
        claim_expires_at: claim.expiresAt,
        claimed_by: claim.claimedBy,
        created_at: claim.now,
      })
      .execute();
  });
}

type Queries = Reader<AuthTables> | Transaction<AuthTables>;

export async function findByClaim(db: Queries, claimId: string): Promise<Gateway | undefined> {
  const row = await db
    .selectFrom('gateways')
    .selectAll()
    .where('claim_id', '=', claimId)
    .executeTakeFirst();
  return row && gatewayOf(row);
}

/**
 * By id alone: for the gateway itself, which proves that it has the key. People go through
 * `revoke`.
 */
export async function findGateway(db: Queries, id: string): Promise<Gateway | undefined> {
  const row = await db.selectFrom('gateways').selectAll().where('id', '=', id).executeTakeFirst();
  return row && gatewayOf(row);
}

export async function saveEnrolment(
  tx: Transaction<AuthTables>,
  change: { readonly gatewayId: string; readonly enrolment: Enrolment; readonly now: bigint },
): Promise<void> {
  await tx
    .updateTable('gateways')
    .set({
      public_key: change.enrolment.publicKey,
      certificate: change.enrolment.certificate,
      certificate_expires_at: change.enrolment.certificateExpiresAt,
      enrolled_at: change.now,
    })
    .where('id', '=', change.gatewayId)
    .execute();
}

export interface Renewal {
  readonly gatewayId: string;
  readonly nonceDigest: string;
  readonly nonceExpiresAt: bigint;
  readonly certificate: string;
  readonly certificateExpiresAt: bigint;
  readonly now: bigint;
}

/**
 * The nonce is spent and the certificate kept together. A gateway that was revoked meanwhile gets
 * none.
 */
export function saveRenewal(
  sql: Sql<AuthTables>,
  renewal: Renewal,
): Promise<'saved' | 'nonce-used' | 'revoked'> {
  return sql.transaction(async (tx) => {
    await tx.deleteFrom('renewal_nonces').where('expires_at', '<', renewal.now).execute();
    const spent = await tx
      .insertInto('renewal_nonces')
      .values({ digest: renewal.nonceDigest, expires_at: renewal.nonceExpiresAt })
      .onConflict((conflict) => conflict.column('digest').doNothing())
      .returning('digest')
      .executeTakeFirst();
    if (!spent) return 'nonce-used';
    const updated = await tx
      .updateTable('gateways')
      .set({
        certificate: renewal.certificate,
        certificate_expires_at: renewal.certificateExpiresAt,
      })
      .where('id', '=', renewal.gatewayId)
      .where('revoked_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    return updated ? 'saved' : 'revoked';
  });
}

export interface Revocation {
  readonly gatewayId: string;
  readonly tenant: string;
  readonly sites: 'all' | readonly string[];
  readonly revokedBy: string;
  readonly now: bigint;
}

export type Revoked =
  | { readonly kind: 'revoked' | 'repeat'; readonly site: string }
  | { readonly kind: 'not-found' };

/**
 * Confined to the tenant and sites (I10): another's gateway is not there. Revoking twice changes
 * nothing.
 */
export async function revoke(
  tx: Transaction<AuthTables>,
  revocation: Revocation,
): Promise<Revoked> {
  const found = await tx
    .selectFrom('gateways')
    .select(['site', 'revoked_at'])
    .where('id', '=', revocation.gatewayId)
    .where('tenant', '=', revocation.tenant)
    .executeTakeFirst();
  const { sites } = revocation;
  if (!found || (sites !== 'all' && !sites.includes(found.site))) return { kind: 'not-found' };
  const { site } = found;
  if (found.revoked_at !== null) return { kind: 'repeat', site };
  await tx
    .updateTable('gateways')
    .set({ revoked_at: revocation.now, revoked_by: revocation.revokedBy })
    .where('id', '=', revocation.gatewayId)
    .execute();
  return { kind: 'revoked', site };
}

function gatewayOf(row: Selectable<AuthTables['gateways']>): Gateway {
  return {
    id: row.id,
    tenant: row.tenant,
    site: row.site,
    name: row.name,
    claimSecretDigest: row.claim_secret_digest,
    claimExpiresAt: row.claim_expires_at,
    revokedAt: row.revoked_at,
    enrolment:
      row.public_key === null || row.certificate === null || row.certificate_expires_at === null
        ? null
        : {
            publicKey: row.public_key,
            certificate: row.certificate,
            certificateExpiresAt: row.certificate_expires_at,
          },
  };
}
