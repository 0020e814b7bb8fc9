import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { JSONWebKeySet } from 'jose';
import type * as pki from '../platform/certificate-authority/certificate-authority.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay, type Relay } from '../platform/outbox/relay.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { ServiceHandle } from '../service.ts';
import { DEVELOPMENT_TENANT, ensureDevelopmentUsers } from './development-users.ts';
import { createPasswords } from './passwords.ts';
import { Administration } from './routes/administration.ts';
import { addAuthRoutes } from './routes/auth-routes.ts';
import { addClientRoutes } from './routes/clients.ts';
import { createGateways } from './routes/gateways.ts';
import { addKeyRoutes } from './routes/key-routes.ts';
import { addRegistration } from './routes/registration.ts';
import { createSessions } from './routes/sessions.ts';
import { addUserRoutes } from './routes/user-routes.ts';
import { createUsers } from './routes/users.ts';
import { createServiceClients } from './service-clients.ts';
import type { AuthSettings } from './settings.ts';
import { openSigningKeys } from './signing-keys.ts';
import { openAuthSql, type UserAdding } from './users.ts';

const NONCE_KEY_SECRET = 'auth/renewal-nonce-key';
const NONCE_KEY_BYTES = 32;
const DAY_MS = 86_400_000;

export interface AuthDeps {
  readonly runtime: Runtime;
  readonly openSql: OpenSql;
  readonly secrets: Secrets;
  readonly authority: pki.CertificateAuthority;
  readonly log: EventLog;
  readonly region: string;
  readonly settings: AuthSettings;
  /** What a gateway is told at enrolment: where its stream goes. */
  readonly grpcUrl: () => string;
  /** Whether HTTP listens on loopback only. */
  readonly loopback: boolean;
}

export interface AuthHandle extends ServiceHandle {
  readonly routes: NonNullable<ServiceHandle['routes']>;
  /** For the verifiers of the other targets in this process. */
  readonly jwks: () => Promise<JSONWebKeySet>;
  /** For the other targets in this process. */
  readonly signService: (service: string) => Promise<string>;
}

export async function openAuth(deps: AuthDeps): Promise<AuthHandle> {
  const { runtime, secrets, settings } = deps;
  checkDevelopmentUsers(deps);
  const ageMsMax = settings.signingKeyDays * DAY_MS;
  const keys = await openSigningKeys({ runtime, secrets, ageMsMax });
  const nonceKey = await secrets.ensure(NONCE_KEY_SECRET, async () =>
    runtime.random.bytes(NONCE_KEY_BYTES),
  );
  const passwords = await createPasswords(runtime.random);
  const sql = await openAuthSql(deps.openSql);
  const outbox = createOutbox({ source: 'auth', region: deps.region, runtime });
  const relay = createRelay({ service: 'auth', sql, log: deps.log, runtime });
  const administration = new Administration({ sql, outbox, onRecorded: () => relay.nudge() });
  const account = { sql, runtime, passwords, administration };
  const routes = {
    sessions: createSessions({ runtime, sql, keys, passwords, settings }),
    gateways: createGateways({ ...deps, sql, nonceKey, outbox, administration }),
    services: createServiceClients({ secrets, keys }),
    jwks: keys.jwks,
  };
  return {
    module: authModule(deps, { sql, passwords, runtime }, relay),
    routes(api) {
      addAuthRoutes(api, routes);
      addUserRoutes(api, createUsers(account));
      addRegistration(api, { ...account, settings: registrationOf(settings) });
      addClientRoutes(api, { ...account, keys });
      addKeyRoutes(api, { keys, administration });
    },
    jwks: keys.jwks,
    signService: keys.signService,
  };
}

/** A development shop has customers who register. */
function registrationOf({ registration, developmentUsers }: AuthSettings) {
  if (!developmentUsers) return registration;
  return { ...registration, tenants: [...registration.tenants, DEVELOPMENT_TENANT] };
}

function authModule(
  { settings, secrets, runtime }: AuthDeps,
  adding: UserAdding,
  relay: Relay,
): Module {
  return {
    name: 'auth',
    needs: [],
    async start() {
      await relay.start();
      if (!settings.developmentUsers) return;
      await ensureDevelopmentUsers(adding, { secrets, random: runtime.random });
    },
    async stop() {
      await relay.stop();
      await adding.sql.close();
    },
    degraded: () => relay.degraded?.(),
  };
}

/** Logins that a file holds in the clear are for this machine alone. */
function checkDevelopmentUsers({ settings, loopback }: AuthDeps): void {
  if (!settings.developmentUsers || loopback) return;
  throw new AppError('CONFIG_INVALID', 'auth.developmentUsers is for loopback only', {
    hint: 'set auth.developmentUsers to false, or let HTTP listen on 127.0.0.1',
  });
}
