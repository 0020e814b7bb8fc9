import type { Role } from '@holdfast/shared/contracts/roles.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { User, UserOrigin } from '../domain/user.ts';
import type { AuthTables } from './tables.ts';

export interface UserWithHash extends User {
  readonly passwordHash: string;
}

export type InsertOutcome = 'inserted' | 'username-taken';

export async function insertUser(
  tx: Transaction<AuthTables>,
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
  const inserted = await tx
    .insertInto('users')
    .values(row)
    .onConflict((conflict) => conflict.column('username').doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted ? 'inserted' : 'username-taken';
}

/** Of the tenant, in the order in which they were made. */
export async function listUsers(
  db: Reader<AuthTables>,
  { tenant, after, limit }: { tenant: string; after: string | undefined; limit: number },
): Promise<User[]> {
  let query = db.selectFrom('users').selectAll().where('tenant', '=', tenant);
  if (after !== undefined) query = query.where('id', '>', after);
  return (await query.orderBy('id').limit(limit).execute()).map(userOf);
}

/** Its version grows. Who is disabled loses every session. */
export async function saveRights(tx: Transaction<AuthTables>, user: User): Promise<void> {
  await tx
    .updateTable('users')
    .set({
      roles: JSON.stringify(user.roles),
      sites: JSON.stringify(user.sites),
      disabled_at: user.disabledAt,
      version: BigInt(user.version),
    })
    .where('id', '=', user.id)
    .execute();
  if (user.disabledAt === null) return;
  await tx.deleteFrom('refresh_families').where('user_id', '=', user.id).execute();
}

export async function countRegistered(
  tx: Transaction<AuthTables>,
  tenant: string,
): Promise<number> {
  const { count } = await tx
    .selectFrom('users')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('tenant', '=', tenant)
    .where('origin', '=', 'registered')
    .executeTakeFirstOrThrow();
  return Number(count);
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
    origin: row.origin as UserOrigin,
    version: Number(row.version),
    disabledAt: row.disabled_at,
    passwordHash: row.password_hash,
  };
}
