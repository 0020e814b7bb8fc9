import type { Role } from '@holdfast/shared/contracts/roles.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { User } from '../domain/user.ts';
import type { AuthTables } from './tables.ts';

export interface UserWithHash extends User {
  readonly passwordHash: string;
}

export type InsertOutcome = 'inserted' | 'username-taken';

export function insertUser(
  sql: Sql<AuthTables>,
  user: UserWithHash & { readonly createdAt: bigint },
): Promise<InsertOutcome> {
  const row = {
    id: user.id,
    username: user.username,
    tenant: user.tenant,
    password_hash: user.passwordHash,
    roles: JSON.stringify(user.roles),
    sites: JSON.stringify(user.sites),
    origin: user.origin,
    disabled_at: user.disabledAt,
    created_at: user.createdAt,
  };
  return sql.transaction(async (tx) => {
    const inserted = await tx
      .insertInto('users')
      .values(row)
      .onConflict((conflict) => conflict.column('username').doNothing())
      .returning('id')
      .executeTakeFirst();
    return inserted ? 'inserted' : 'username-taken';
  });
}

export function findUserByName(
  sql: Sql<AuthTables>,
  username: string,
): Promise<UserWithHash | undefined> {
  return sql.read(async (db) => {
    const row = await db
      .selectFrom('users')
      .selectAll()
      .where('username', '=', username)
      .executeTakeFirst();
    return row && userOf(row);
  });
}

export async function findUserById(
  db: Reader<AuthTables> | Transaction<AuthTables>,
  id: string,
): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
  return row && userOf(row);
}

/** Whoever was signed in with the old password is signed out. */
export function replacePassword(
  sql: Sql<AuthTables>,
  change: { readonly userId: string; readonly passwordHash: string },
): Promise<void> {
  return sql.transaction(async (tx) => {
    await tx
      .updateTable('users')
      .set({ password_hash: change.passwordHash })
      .where('id', '=', change.userId)
      .execute();
    await tx.deleteFrom('refresh_families').where('user_id', '=', change.userId).execute();
  });
}

function userOf(row: Selectable<AuthTables['users']>): UserWithHash {
  return {
    id: row.id,
    username: row.username,
    tenant: row.tenant,
    roles: JSON.parse(row.roles) as Role[],
    sites: JSON.parse(row.sites) as string[],
    origin: row.origin === 'development' ? 'development' : 'created',
    disabledAt: row.disabled_at,
    passwordHash: row.password_hash,
  };
}
