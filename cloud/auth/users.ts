import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { OpenSql, OpenSqlOptions, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { invalidRequest } from '@holdfast/shared/runtime/http.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type NewUser, newUserSchema, type User, type UserOrigin } from './domain/user.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { AUTH_MIGRATIONS } from './store/migrations.ts';
import type { AuthTables } from './store/tables.ts';
import { insertUser } from './store/users.ts';

export type { NewUser, User } from './domain/user.ts';

export type WorldOfUsers = Pick<Runtime, 'clock' | 'random'>;

/** The tables of `auth`. */
export const AUTH_TABLES: OpenSqlOptions = { service: 'auth', migrations: AUTH_MIGRATIONS };

export function openAuthSql(openSql: OpenSql): Promise<Sql<AuthTables>> {
  return openSql<AuthTables>(AUTH_TABLES);
}

/**
 * Adds a user from the command line: that is how an installation gets its first administrator.
 * Throws REQUEST_INVALID for a weak password or an unknown role, CONFLICT when the name is taken.
 */
export async function createUser(
  world: { readonly runtime: WorldOfUsers; readonly openSql: OpenSql },
  user: NewUser,
): Promise<User> {
  const sql = await openAuthSql(world.openSql);
  try {
    const passwords = await createPasswords(world.runtime.random);
    return await addUser(
      { sql, passwords, runtime: world.runtime },
      { ...user, origin: 'created' },
    );
  } finally {
    await sql.close();
  }
}

export interface UserAdding {
  readonly sql: Sql<AuthTables>;
  readonly passwords: Passwords;
  readonly runtime: WorldOfUsers;
}

export async function addUser(
  { sql, passwords, runtime }: UserAdding,
  { origin, ...input }: NewUser & { readonly origin: UserOrigin },
): Promise<User> {
  const parsed = newUserSchema.safeParse(input);
  if (!parsed.success) throw invalidRequest(parsed.error);
  const { password, ...fields } = parsed.data;
  const id = prefixedId('usr', runtime.clock.now(), runtime.random.bytes(10));
  const user: User = { ...fields, id, origin, disabledAt: null, version: 1 };
  const passwordHash = await passwords.hash(password);
  const createdAt = runtime.clock.nowMicros();
  const outcome = await sql.transaction((tx) =>
    insertUser(tx, { ...user, passwordHash, createdAt }),
  );
  if (outcome === 'inserted') return user;
  throw new AppError('CONFLICT', `there is a user ${user.username} already`);
}
