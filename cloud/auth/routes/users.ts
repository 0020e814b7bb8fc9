import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type IfMatch, versionTag } from '../../platform/http/entity-tag.ts';
import { type NewUser, type User, type UserPatch, withRights } from '../domain/user.ts';
import type { AuthTables } from '../store/tables.ts';
import { findUserById, insertUser, listUsers, saveRights } from '../store/users.ts';
import type { Administration } from './administration.ts';

export interface UsersOptions {
  readonly sql: Sql<AuthTables>;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly passwords: { hash(password: string): Promise<string> };
  readonly administration: Administration;
}

export interface RightsChange {
  readonly id: string;
  readonly ifMatch: IfMatch;
  readonly patch: UserPatch;
}

/** What an administrator does with the users of the tenant; another's are not there (I10). */
export interface Users {
  list(
    principal: Principal,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<User[]>;
  read(principal: Principal, id: string): Promise<User>;
  /** Throws CONFLICT when the name is taken, in whatever tenant. */
  add(principal: Principal, user: Omit<NewUser, 'tenant'>): Promise<User>;
  /** Throws CONFLICT for whoever asks: nobody locks the last administrator out by mistake. */
  change(principal: Principal, change: RightsChange): Promise<User>;
}

export function createUsers(options: UsersOptions): Users {
  const { sql, administration } = options;
  const may = (principal: Principal, action: string, id: string): Promise<void> =>
    administration.authorise(principal, { action, resource: { kind: 'user', id } });
  return {
    async list(principal, page) {
      await may(principal, 'user.list', principal.tenant);
      return sql.read((db) => listUsers(db, { tenant: principal.tenant, ...page }));
    },
    async read(principal, id) {
      const user = own(principal, await sql.read((db) => findUserById(db, id)));
      await may(principal, 'user.read', id);
      return user;
    },
    async add(principal, user) {
      await may(principal, 'user.created', principal.tenant);
      return add(options, principal, user);
    },
    async change(principal, { id, ifMatch, patch }) {
      own(principal, await sql.read((db) => findUserById(db, id)));
      await may(principal, 'user.changed', id);
      if (id === principal.subject) {
        throw new AppError('CONFLICT', 'another administrator changes your rights');
      }
      const now = options.runtime.clock.nowMicros();
      return administration.perform(principal, async (tx, done) => {
        const before = own(principal, await findUserById(tx, id));
        ifMatch.require(versionTag(before.version));
        const after = withRights(before, patch, now);
        await saveRights(tx, after);
        await done({ action: 'user.changed', resource: { kind: 'user', id } }, rightsOf(after));
        return after;
      });
    },
  };
}

async function add(
  { runtime, passwords, administration }: UsersOptions,
  principal: Principal,
  { password, ...fields }: Omit<NewUser, 'tenant'>,
): Promise<User> {
  const passwordHash = await passwords.hash(password);
  const id = prefixedId('usr', runtime.clock.now(), runtime.random.bytes(10));
  const { tenant } = principal;
  const user: User = { ...fields, tenant, id, origin: 'created', disabledAt: null, version: 1 };
  const createdAt = runtime.clock.nowMicros();
  return administration.perform(principal, async (tx, done) => {
    if ((await insertUser(tx, { ...user, passwordHash, createdAt })) === 'username-taken') {
      throw new AppError('CONFLICT', 'the user name is taken');
    }
    await done({ action: 'user.created', resource: { kind: 'user', id } }, rightsOf(user));
    return user;
  });
}

function rightsOf({ roles, sites, disabledAt }: User) {
  return { roles: roles.join(' '), sites: sites.join(' '), disabled: disabledAt !== null };
}

function own(principal: Principal, user: User | undefined): User {
  if (user && user.tenant === principal.tenant) return user;
  throw new AppError('NOT_FOUND', 'there is no such user');
}
