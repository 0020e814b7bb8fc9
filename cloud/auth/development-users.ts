import type { Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import { findUserByName, replacePassword } from './store/users.ts';
import { addUser, type UserAdding } from './users.ts';

const SECRET_NAME = 'auth/development-logins';
const PASSWORD_RANDOM_BYTES = 15;
export const DEVELOPMENT_TENANT = 'dev';
const SITE = 'site-1';

export interface DevelopmentLogin {
  readonly username: string;
  readonly password: string;
}

const USERS: Record<string, { readonly roles: Role[]; readonly sites: string[] }> = {
  operator: { roles: ['operator'], sites: [SITE] },
  admin: { roles: ['administrator'], sites: ['*'] },
  manager: { roles: ['manager'], sites: [SITE] },
  customer: { roles: ['customer'], sites: ['*'] },
};

/**
 * The logins that `ensureDevelopmentUsers` made; empty when it never ran. For whoever starts
 * everything on a machine.
 */
export async function developmentLogins(secrets: Secrets): Promise<readonly DevelopmentLogin[]> {
  const value = await secrets.read(SECRET_NAME);
  return value ? JSON.parse(Buffer.from(value).toString()) : [];
}

/**
 * The passwords are drawn once and kept in `secrets`; the users follow them, also in a database
 * that outlived those.
 */
export async function ensureDevelopmentUsers(
  adding: UserAdding,
  { secrets, random }: { readonly secrets: Secrets; readonly random: Random },
): Promise<void> {
  const draw = (username: string): DevelopmentLogin => {
    const password = random.bytes(PASSWORD_RANDOM_BYTES).toString('base64url');
    return { username, password };
  };
  const names = Object.keys(USERS);
  await secrets.ensure(SECRET_NAME, async () => Buffer.from(JSON.stringify(names.map(draw))));
  // A folder that an earlier release made has fewer.
  const known = await developmentLogins(secrets);
  const added = names.filter((name) => !known.some(({ username }) => username === name)).map(draw);
  if (added.length > 0) {
    await secrets.write(SECRET_NAME, Buffer.from(JSON.stringify([...known, ...added])));
  }
  for (const login of await developmentLogins(secrets)) await ensureUser(adding, login);
}

async function ensureUser(adding: UserAdding, login: DevelopmentLogin): Promise<void> {
  const present = await findUserByName(adding.sql, login.username);
  if (!present) return create(adding, login);
  if (present.origin !== 'development') {
    throw new AppError('CONFIG_INVALID', `a real user has the name ${login.username}`, {
      hint: 'set auth.developmentUsers to false: this database is not for development',
    });
  }
  if (await adding.passwords.verify(login.password, present.passwordHash)) return;
  const passwordHash = await adding.passwords.hash(login.password);
  await replacePassword(adding.sql, { userId: present.id, passwordHash });
}

async function create(adding: UserAdding, login: DevelopmentLogin): Promise<void> {
  const { roles, sites } = USERS[login.username]!;
  try {
    await addUser(adding, {
      ...login,
      tenant: DEVELOPMENT_TENANT,
      roles,
      sites,
      origin: 'development',
    });
  } catch (cause) {
    // Another process that starts at the same time has made the user, from the same secret.
    if (!(cause instanceof AppError && cause.code === 'CONFLICT')) throw cause;
  }
}
