import { createHash } from 'node:crypto';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Api, addRoute, addressOf } from '../../platform/http/api.ts';
import { newUserSchema } from '../domain/user.ts';
import { countFailure, failureCount } from '../store/sign-in-failures.ts';
import type { AuthTables } from '../store/tables.ts';
import { countRegistered, insertUser } from '../store/users.ts';
import type { Administration } from './administration.ts';
import { acceptedAnswer } from './answers.ts';

const HOUR_MS = 3_600_000;

export interface RegistrationOptions {
  readonly sql: Sql<AuthTables>;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly passwords: { hash(password: string): Promise<string> };
  readonly administration: Administration;
  readonly settings: {
    readonly tenants: readonly string[];
    readonly perAddressAndHourMax: number;
    readonly customersPerTenantMax: number;
  };
}

const requestSchema = newUserSchema.pick({ tenant: true, username: true, password: true });

/** Customers of tenants that allow it make their own account. */
export function addRegistration(api: Api, options: RegistrationOptions): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/auth/register',
      tag: 'auth',
      summary: 'Register as a customer',
      description:
        'The answer is the same when the name is taken already, so that nobody learns who has an ' +
        'account: sign in to see whether it is yours. A repeat changes nothing.',
      caller: 'public',
      rate: 'sign-in',
      body: requestSchema,
      answers: { 202: { description: 'It was taken in.', body: acceptedAnswer } },
      problems: ['FORBIDDEN'],
    },
    async ({ c, body }) => {
      await register(options, { ...body, address: addressOf(c) });
      return Response.json({ status: 'accepted' }, { status: 202 });
    },
  );
}

async function register(
  options: RegistrationOptions,
  request: { tenant: string; username: string; password: string; address: string },
): Promise<void> {
  const { settings, passwords, administration, runtime } = options;
  const { tenant, username, password, address } = request;
  // A tenant that is not known looks like one that does not allow it.
  if (!settings.tenants.includes(tenant)) {
    throw new AppError('FORBIDDEN', 'nobody can register here; ask for an account');
  }
  await takeAttempt(options, address);
  // Also for a name that is taken: it must take as long.
  const passwordHash = await passwords.hash(password);
  const createdAt = runtime.clock.nowMicros();
  const id = prefixedId('usr', runtime.clock.now(), runtime.random.bytes(10));
  const rights = { roles: ['customer' as const], sites: ['*'] };
  const user = { ...rights, id, username, tenant, origin: 'registered' as const, version: 1 };
  await administration.perform({ tenant, subject: id }, async (tx, done) => {
    if ((await countRegistered(tx, tenant)) >= settings.customersPerTenantMax) {
      throw new AppError('FORBIDDEN', 'nobody can register here any more; ask for an account');
    }
    const outcome = await insertUser(tx, { ...user, disabledAt: null, passwordHash, createdAt });
    if (outcome === 'username-taken') return;
    const deed = { action: 'user.registered', resource: { kind: 'user', id } };
    await done(deed, { roles: 'customer' });
  });
}

/** Each attempt counts, whatever came of it. */
async function takeAttempt(options: RegistrationOptions, address: string): Promise<void> {
  const { sql, runtime, settings } = options;
  const key = createHash('sha256').update(`register\n${address}`).digest('base64url');
  const now = runtime.clock.nowMicros();
  if ((await failureCount(sql, { key, now })) >= settings.perAddressAndHourMax) {
    throw new AppError('RATE_LIMITED', 'too many registrations from this address', {
      retryAfterMs: HOUR_MS,
    });
  }
  await countFailure(sql, { key, now, windowMicros: BigInt(HOUR_MS) * 1000n });
}
