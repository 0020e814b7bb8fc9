import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import { createTokenVerifier, type TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { isLoopback } from '@holdfast/shared/runtime/http-server.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { AuthHandle } from './auth/auth.module.ts';
import type { DevelopmentLogin } from './auth/development-users.ts';
import type { NewUser, User } from './auth/users.ts';
import type { CertificateAuthority } from './platform/certificate-authority/certificate-authority.ts';
import type { ServerCertificate } from './platform/certificate-authority/server-certificate.ts';
import type { EventLog } from './platform/event-log/event-log.ts';
import type { Secrets } from './platform/secrets/secrets.ts';
import type { ServiceHandle } from './service.ts';
import type { CloudSettings } from './settings.ts';
import type { TargetName } from './targets.ts';

/** What a test may put between a port and its users. */
export interface Decoration {
  readonly eventLog?: (log: EventLog) => EventLog;
  readonly sql?: (open: OpenSql) => OpenSql;
}

export interface CloudParts {
  readonly services: readonly ServiceHandle[];
  /** Closes the ports, after the services stopped. */
  close(): Promise<void>;
  /** For the cloud's own listeners; fresh at each call. */
  readonly serverCertificate: () => Promise<ServerCertificate>;
}

interface Wires {
  readonly settings: CloudSettings;
  readonly runtime: Runtime;
  readonly ports: Ports;
  auth?: AuthHandle;
}

/**
 * The only place where a technology is chosen. Ports are opened by whoever needs one first, and
 * libraries are loaded with them: what is not used is never loaded.
 */
export async function wireServices(
  targets: readonly TargetName[],
  wires: { settings: CloudSettings; runtime: Runtime; decoration?: Decoration },
): Promise<CloudParts> {
  const ports = createPorts(wires);
  const within: Wires = { settings: wires.settings, runtime: wires.runtime, ports };
  const services: ServiceHandle[] = [];
  // `auth` goes first, so that the others find its keys in this process.
  const order = targets.toSorted((a, b) => Number(b === 'auth') - Number(a === 'auth'));
  for (const target of order) services.push(await OPENERS[target](within));
  return {
    services,
    close: ports.close,
    async serverCertificate() {
      const { issueServerCertificate } = await import(
        './platform/certificate-authority/server-certificate.ts'
      );
      const { names } = wires.settings.http;
      return issueServerCertificate(await ports.authority(), { names });
    },
  };
}

const OPENERS: Readonly<Record<TargetName, (wires: Wires) => Promise<ServiceHandle>>> = {
  auth: openAuthTarget,
  'edge-link': openEdgeLinkTarget,
  telemetry: openTelemetryTarget,
  console: openConsoleTarget,
};

async function openAuthTarget(wires: Wires): Promise<ServiceHandle> {
  const { openAuth } = await import('./auth/auth.module.ts');
  const { settings, runtime, ports } = wires;
  wires.auth = await openAuth({
    runtime,
    openSql: await ports.sql(),
    secrets: await ports.secrets(),
    authority: await ports.authority(),
    settings: settings.auth,
    grpcUrl: () => settings.edgeLink.publicUrl ?? `127.0.0.1:${settings.edgeLink.port}`,
    loopback: isLoopback(settings.http.host),
  });
  return wires.auth;
}

async function openEdgeLinkTarget({ settings, runtime, ports }: Wires): Promise<ServiceHandle> {
  const { openEdgeLink } = await import('./edge-link/edge-link.module.ts');
  return openEdgeLink({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    settings: settings.edgeLink,
    runtime,
    region: settings.region,
  });
}

async function openTelemetryTarget(wires: Wires): Promise<ServiceHandle> {
  const { openTelemetry } = await import('./telemetry/telemetry.module.ts');
  const { settings, runtime, ports } = wires;
  return openTelemetry({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    verifier: await verifierOf(wires),
    settings: settings.telemetry,
    runtime,
  });
}

async function openConsoleTarget({ runtime }: Wires): Promise<ServiceHandle> {
  const { openConsole } = await import('./console/console.module.ts');
  const distDir = fileURLToPath(new URL('console/dist', import.meta.url));
  return openConsole({ distDir, runtime });
}

async function verifierOf({ auth, settings, runtime }: Wires): Promise<TokenVerifier> {
  if (auth) return createTokenVerifier({ jwks: auth.jwks, clock: runtime.clock });
  const { fetchJwks } = await import('@holdfast/shared/runtime/access-token.ts');
  const url = `${settings.peers.auth}/.well-known/jwks.json`;
  return createTokenVerifier({ jwks: () => fetchJwks({ url }), clock: runtime.clock });
}

interface Ports {
  sql(): Promise<OpenSql>;
  eventLog(): Promise<EventLog>;
  secrets(): Promise<Secrets>;
  authority(): Promise<CertificateAuthority>;
  close(): Promise<void>;
}

/** Each port once, when it is first asked for. */
function createPorts(wires: {
  settings: CloudSettings;
  runtime: Runtime;
  decoration?: Decoration;
}): Ports {
  const { settings, runtime, decoration = {} } = wires;
  const opened: { close(): Promise<void> }[] = [];
  const once = <T>(open: () => Promise<T>): (() => Promise<T>) => {
    let port: Promise<T> | undefined;
    return () => {
      port ??= open();
      return port;
    };
  };
  const sql = once(async () => {
    const open = await openSqlPort(settings, runtime);
    return decoration.sql?.(open) ?? open;
  });
  const eventLog = once(async () => {
    const { openEmbeddedLog } = await import('./platform/event-log/event-log.embedded.ts');
    const dir = settings.eventLog.dir ?? join(settings.dataDir, 'event-log');
    const { leaseMs } = settings.eventLog;
    const log = await openEmbeddedLog({ dir, runtime, leaseMs, writes: 'thread' });
    opened.push(log);
    return decoration.eventLog?.(log) ?? log;
  });
  const secrets = once(async () => {
    const port = await openSecretsPort(settings, runtime);
    opened.push(port);
    return port;
  });
  const authority = once(async () => {
    const { openX509Authority } = await import(
      './platform/certificate-authority/certificate-authority.x509.ts'
    );
    return openX509Authority({
      secrets: await secrets(),
      clock: runtime.clock,
      random: runtime.random,
    });
  });
  const close = async (): Promise<void> => {
    for (const port of opened.toReversed()) await port.close();
  };
  return { sql, eventLog, secrets, authority, close };
}

async function openSecretsPort(
  settings: CloudSettings,
  runtime: Pick<Runtime, 'clock'>,
): Promise<Secrets> {
  const { openFileSecrets } = await import('./platform/secrets/secrets.file.ts');
  const dir = settings.secrets.dir ?? join(settings.dataDir, 'secrets');
  return openFileSecrets({ dir, runtime });
}

async function openSqlPort(settings: CloudSettings, runtime: Runtime): Promise<OpenSql> {
  const { secretUrl, poolMax } = settings.sql;
  if (secretUrl) {
    const { openPostgresSql } = await import('@holdfast/shared/platform/sql/sql.postgres.ts');
    return openPostgresSql({ url: secretUrl, poolMax, rt: runtime });
  }
  const { openSqliteSql } = await import('@holdfast/shared/platform/sql/sql.sqlite.ts');
  return openSqliteSql({ dir: join(settings.dataDir, 'sql'), rt: runtime });
}

/** Brings every service's tables up to date, and returns the services. Starting does the same. */
export async function migrateServices(
  settings: CloudSettings,
  runtime: Runtime,
): Promise<readonly string[]> {
  const open = await openSqlPort(settings, runtime);
  const { AUTH_TABLES } = await import('./auth/users.ts');
  const { EDGE_LINK_TABLES } = await import('./edge-link/edge-link.module.ts');
  const { TELEMETRY_TABLES } = await import('./telemetry/telemetry.module.ts');
  const services = [AUTH_TABLES, EDGE_LINK_TABLES, TELEMETRY_TABLES];
  for (const tables of services) {
    const sql = await open(tables);
    await sql.close();
  }
  return services.map(({ service }) => service);
}

export async function addUser(
  { settings, runtime }: { readonly settings: CloudSettings; readonly runtime: Runtime },
  user: NewUser,
): Promise<User> {
  const { createUser } = await import('./auth/users.ts');
  return createUser({ runtime, openSql: await openSqlPort(settings, runtime) }, user);
}

/** The development logins of a data folder; empty when there are none. */
export async function openLogins(settings: CloudSettings): Promise<readonly DevelopmentLogin[]> {
  const { systemClock: clock } = await import('@holdfast/shared/runtime/clock.ts');
  const secrets = await openSecretsPort(settings, { clock });
  const { developmentLogins } = await import('./auth/development-users.ts');
  return developmentLogins(secrets);
}
