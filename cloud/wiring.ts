import { fileURLToPath } from 'node:url';
import {
  SERVICE_CLIENT_SECRET_BYTES,
  serviceClientSecretName,
} from '@holdfast/shared/contracts/service-token.ts';
import type { OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import {
  createTokenVerifier,
  fetchJwks,
  TOKEN_TTL_SECONDS,
  type TokenVerifier,
} from '@holdfast/shared/runtime/access-token.ts';
import { isLoopback } from '@holdfast/shared/runtime/http-server.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { JSONWebKeySet } from 'jose';
import type { AuthHandle } from './auth/auth.module.ts';
import type { DevelopmentLogin } from './auth/development-users.ts';
import type { NewUser, User } from './auth/users.ts';
import type { ServerCertificate } from './platform/certificate-authority/server-certificate.ts';
import type { Kv } from './platform/kv/kv.ts';
import type { ServiceToken } from './platform/peer/service-token.ts';
import type { ServiceHandle } from './service.ts';
import type { CloudSettings } from './settings.ts';
import { TARGETS, type TargetName } from './targets.ts';
import {
  openAuditTarget,
  openGraphTarget,
  openInventoryTarget,
  openOrderTarget,
  openPaymentSandboxTarget,
  openPaymentTarget,
  openProductTarget,
} from './wiring/commerce.ts';
import {
  fetchServiceToken,
  type InternalListener,
  type PeerWires,
  wirePeers,
} from './wiring/peers.ts';
import {
  createPorts,
  type Decoration,
  openSecretsPort,
  openSqlPort,
  type Ports,
} from './wiring/ports.ts';
import { type WiredWebSockets, wireWebSockets } from './wiring/websockets.ts';

export interface CloudParts {
  readonly services: readonly ServiceHandle[];
  /** Where other processes call the services of this one; undefined when they offer nothing. */
  readonly internal: InternalListener | undefined;
  /** Of access tokens, for every path of this process. */
  readonly verifier: TokenVerifier;
  readonly kv: Kv;
  /** Undefined when no service has a channel. */
  readonly webSockets: WiredWebSockets | undefined;
  /** Closes the ports, after the services stopped. */
  close(): Promise<void>;
  /** For the cloud's own listeners; fresh at each call. */
  readonly serverCertificate: () => Promise<ServerCertificate>;
}

/** What an opener of a target gets. */
export interface Wires {
  readonly settings: CloudSettings;
  readonly runtime: Runtime;
  readonly ports: Ports;
  /** Clients of peers: `peers.client('order', 'inventory', InventoryServiceService)`. */
  readonly peers: PeerWires;
  auth?: AuthHandle;
  /** Of the sandbox in this process, once it listens. */
  sandboxUrl?: () => string;
}

/**
 * The only place where a technology is chosen. Ports are opened by whoever needs one first, and
 * libraries are loaded with them: what is not used is never loaded.
 */
export async function wireServices(
  targets: readonly TargetName[],
  wires: { settings: CloudSettings; runtime: Runtime; decoration?: Decoration },
): Promise<CloudParts> {
  const { settings, runtime } = wires;
  const ports = createPorts(wires);
  const serverCertificate = async (): Promise<ServerCertificate> => {
    const { issueServerCertificate } = await import(
      './platform/certificate-authority/server-certificate.ts'
    );
    return issueServerCertificate(await ports.authority(), { names: settings.http.names });
  };
  const peers = wirePeers({
    targets,
    settings,
    runtime,
    jwks: () => jwksOf(within),
    issue: (target) => serviceTokenFor(within, target),
    serverCertificate,
    authorityCertificate: async () => (await ports.authority()).certificate,
  });
  const within: Wires = { settings, runtime, ports, peers };
  const opened = new Map<TargetName, ServiceHandle>();
  // `auth` goes first, so that the others find its keys in this process.
  const order = targets.toSorted((a, b) => Number(b === 'auth') - Number(a === 'auth'));
  for (const target of order) {
    const service = await OPENERS[target](within);
    peers.offer(service.peers ?? []);
    opened.set(target, service);
  }
  return {
    services: afterPeers(opened),
    internal: peers.listener(),
    verifier: createTokenVerifier({ jwks: () => jwksOf(within), clock: runtime.clock }),
    kv: await ports.kv(),
    webSockets: await wireWebSockets([...opened.values()], { ports, runtime }),
    async close() {
      await peers.close();
      await ports.close();
    },
    serverCertificate,
  };
}

/** A service starts after the peers that it asks in this process, and stops before them. */
function afterPeers(opened: ReadonlyMap<TargetName, ServiceHandle>): ServiceHandle[] {
  return [...opened].map(([target, service]) => {
    const peers = TARGETS[target].peers.flatMap((peer) => opened.get(peer) ?? []);
    const needs = [...service.module.needs, ...peers.map(({ module }) => module.name)];
    return { ...service, module: { ...service.module, needs } };
  });
}

const OPENERS: Readonly<Record<TargetName, (wires: Wires) => Promise<ServiceHandle>>> = {
  auth: openAuthTarget,
  'edge-link': openEdgeLinkTarget,
  telemetry: openTelemetryTarget,
  product: openProductTarget,
  inventory: openInventoryTarget,
  payment: openPaymentTarget,
  'payment-sandbox': openPaymentSandboxTarget,
  audit: openAuditTarget,
  order: openOrderTarget,
  graph: openGraphTarget,
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
    log: await ports.eventLog(),
    region: settings.region,
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

async function openTelemetryTarget({ settings, runtime, ports }: Wires): Promise<ServiceHandle> {
  const { openTelemetry } = await import('./telemetry/telemetry.module.ts');
  return openTelemetry({
    sql: await ports.sql(),
    log: await ports.eventLog(),
    settings: settings.telemetry,
    runtime,
  });
}

async function openConsoleTarget({ runtime }: Wires): Promise<ServiceHandle> {
  const { openConsole } = await import('./console/console.module.ts');
  const distDir = fileURLToPath(new URL('console/dist', import.meta.url));
  return openConsole({ distDir, runtime });
}

async function jwksOf({ auth, settings }: Wires): Promise<JSONWebKeySet> {
  if (auth) return auth.jwks();
  return fetchJwks({ url: `${settings.peers.auth}/.well-known/jwks.json` });
}

/** Signed here when `auth` runs here, else asked for with the secret of the target. */
async function serviceTokenFor(
  { auth, settings, runtime, ports }: Wires,
  target: TargetName,
): Promise<ServiceToken> {
  const nowMs = runtime.clock.now();
  if (auth) {
    const token = await auth.signService(target);
    return { token, expiresAtMs: nowMs + TOKEN_TTL_SECONDS * 1000 };
  }
  const secrets = await ports.secrets();
  const secret = await secrets.ensure(serviceClientSecretName(target), async () =>
    runtime.random.bytes(SERVICE_CLIENT_SECRET_BYTES),
  );
  return fetchServiceToken({ url: settings.peers.auth, target, secret, nowMs });
}

/** Of every service that keeps tables, what they are. */
export async function serviceTables(): Promise<readonly OpenSqlOptions[]> {
  const { AUTH_TABLES } = await import('./auth/users.ts');
  const { EDGE_LINK_TABLES } = await import('./edge-link/edge-link.module.ts');
  const { TELEMETRY_TABLES } = await import('./telemetry/telemetry.module.ts');
  const { PRODUCT_TABLES } = await import('./product/product.module.ts');
  const { INVENTORY_TABLES } = await import('./inventory/inventory.module.ts');
  const { PAYMENT_TABLES } = await import('./payment/payment.module.ts');
  const { ORDER_TABLES } = await import('./order/order.module.ts');
  const { PAYMENT_SANDBOX_TABLES } = await import('./payment-sandbox/payment-sandbox.module.ts');
  const { AUDIT_TABLES } = await import('./audit/audit.module.ts');
  return [
    AUTH_TABLES,
    EDGE_LINK_TABLES,
    TELEMETRY_TABLES,
    PRODUCT_TABLES,
    INVENTORY_TABLES,
    PAYMENT_TABLES,
    PAYMENT_SANDBOX_TABLES,
    AUDIT_TABLES,
    ORDER_TABLES,
  ];
}

/** Brings every service's tables up to date, and returns the services. Starting does the same. */
export async function migrateServices(
  settings: CloudSettings,
  runtime: Runtime,
): Promise<readonly string[]> {
  const open = await openSqlPort(settings, runtime);
  const services = await serviceTables();
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
