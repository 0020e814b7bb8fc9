import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { JSONWebKeySet } from 'jose';
import type * as pki from '../platform/certificate-authority/certificate-authority.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { ServiceHandle } from '../service.ts';
import { ensureDevelopmentUsers } from './development-users.ts';
import { createPasswords } from './passwords.ts';
import { addAuthRoutes } from './routes/auth-routes.ts';
import { createGateways } from './routes/gateways.ts';
import { createSessions } from './routes/sessions.ts';
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
  const routes = {
    sessions: createSessions({ runtime, sql, keys, passwords, settings }),
    gateways: createGateways({ ...deps, sql, nonceKey }),
    services: createServiceClients({ secrets, keys }),
    jwks: keys.jwks,
  };
  return {
    module: authModule(deps, { sql, passwords, runtime }),
    routes: (api) => addAuthRoutes(api, routes),
    jwks: keys.jwks,
    signService: keys.signService,
  };
}

function authModule({ settings, secrets, runtime }: AuthDeps, adding: UserAdding): Module {
  return {
    name: 'auth',
    needs: [],
    async start() {
      if (!settings.developmentUsers) return;
      await ensureDevelopmentUsers(adding, { secrets, random: runtime.random });
    },
    stop: () => adding.sql.close(),
  };
}

/** Logins that a file holds in the clear are for this machine alone. */
function checkDevelopmentUsers({ settings, loopback }: AuthDeps): void {
  if (!settings.developmentUsers || loopback) return;
  throw new AppError('CONFIG_INVALID', 'auth.developmentUsers is for loopback only', {
    hint: 'set auth.developmentUsers to false, or let HTTP listen on 127.0.0.1',
  });
}
