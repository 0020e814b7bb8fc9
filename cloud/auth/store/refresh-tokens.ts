import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { User } from '../domain/user.ts';
import type { AuthTables } from './tables.ts';
import { findUserById } from './users.ts';

/** Sessions that a user can have at once; beyond, the oldest end. */
const FAMILIES_PER_USER_MAX = 100;

export interface NewFamily {
  readonly familyId: string;
  readonly userId: string;
  readonly digest: string;
  readonly now: bigint;
  readonly expiresAt: bigint;
}

/**
 * A family begins with a sign-in. What has expired goes at the same time, so that nothing grows
 * without bound.
 */
export function insertFamily(sql: Sql<AuthTables>, family: NewFamily): Promise<void> {
  return sql.transaction(async (tx) => {
    await tx.deleteFrom('refresh_families').where('expires_at', '<', family.now).execute();
    await tx
      .insertInto('refresh_families')
      .values({
        id: family.familyId,
        user_id: family.userId,
        created_at: family.now,
        expires_at: family.expiresAt,
        revoked_at: null,
      })
      .execute();
    await tx
      .insertInto('refresh_tokens')
      .values({ digest: family.digest, family_id: family.familyId, used_at: null })
      .execute();
    await endOldest(tx, family.userId);
  });
}

async function endOldest(tx: Transaction<AuthTables>, userId: string): Promise<void> {
  const kept = tx
    .selectFrom('refresh_families')
    .select('id')
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(FAMILIES_PER_USER_MAX);
  await tx
    .deleteFrom('refresh_families')
    .where('user_id', '=', userId)
    .where('id', 'not in', kept)
    .execute();
}

export type RotateOutcome =
  | { readonly kind: 'rotated'; readonly user: User }
  /** The token was used before: somebody else has it, so the whole family ends. */
  | { readonly kind: 'reused'; readonly userId: string }
  | { readonly kind: 'invalid' };

export interface Rotation {
  readonly digest: string;
  readonly nextDigest: string;
  readonly now: bigint;
  readonly mayGoOn: (user: User) => boolean;
}

/** Each token is good once; of two that come at the same time one is a reuse. */
export function rotateToken(sql: Sql<AuthTables>, rotation: Rotation): Promise<RotateOutcome> {
  return sql.transaction(async (tx) => {
    const found = await tx
      .selectFrom('refresh_tokens')
      .innerJoin('refresh_families', 'refresh_families.id', 'refresh_tokens.family_id')
      .select(['family_id', 'used_at', 'user_id', 'expires_at', 'revoked_at'])
      .where('digest', '=', rotation.digest)
      .executeTakeFirst();
    if (!found || found.revoked_at !== null || found.expires_at <= rotation.now) {
      return { kind: 'invalid' };
    }
    if (found.used_at !== null) {
      await revokeFamily(tx, found.family_id, rotation.now);
      return { kind: 'reused', userId: found.user_id };
    }
    const user = await findUserById(tx, found.user_id);
    if (!user || !rotation.mayGoOn(user)) return { kind: 'invalid' };
    await replaceToken(tx, found.family_id, rotation);
    return { kind: 'rotated', user };
  });
}

/** Of whom it was: who holds any token of the session may end it. */
export function endSession(
  sql: Sql<AuthTables>,
  { digest, now }: { readonly digest: string; readonly now: bigint },
): Promise<void> {
  return sql.transaction(async (tx) => {
    const found = await tx
      .selectFrom('refresh_tokens')
      .select('family_id')
      .where('digest', '=', digest)
      .executeTakeFirst();
    if (found) await revokeFamily(tx, found.family_id, now);
  });
}

async function replaceToken(
  tx: Transaction<AuthTables>,
  familyId: string,
  rotation: Rotation,
): Promise<void> {
  await tx
    .updateTable('refresh_tokens')
    .set({ used_at: rotation.now })
    .where('digest', '=', rotation.digest)
    .execute();
  await tx
    .insertInto('refresh_tokens')
    .values({ digest: rotation.nextDigest, family_id: familyId, used_at: null })
    .execute();
}

async function revokeFamily(
  tx: Transaction<AuthTables>,
  familyId: string,
  now: bigint,
): Promise<void> {
  await tx
    .updateTable('refresh_families')
    .set({ revoked_at: now })
    .where('id', '=', familyId)
    .execute();
}
