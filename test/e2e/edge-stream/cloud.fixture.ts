import { generateKeyPair } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openEdgeLink } from '@holdfast/cloud/edge-link/edge-link.module.ts';
import { edgeLinkSettingsSchema } from '@holdfast/cloud/edge-link/settings.ts';
import type { CertificateAuthority } from '@holdfast/cloud/platform/certificate-authority/certificate-authority.ts';
import { openX509Authority } from '@holdfast/cloud/platform/certificate-authority/certificate-authority.x509.ts';
import { issueServerCertificate } from '@holdfast/cloud/platform/certificate-authority/server-certificate.ts';
import { openEmbeddedLog } from '@holdfast/cloud/platform/event-log/event-log.embedded.ts';
import type {
  EventLog,
  LogEvent,
  LogRecord,
} from '@holdfast/cloud/platform/event-log/event-log.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import type { GatewayCredentials } from '@holdfast/edge/identity/credentials.ts';
import { envelopeToHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import { gatewayUri } from '@holdfast/shared/contracts/gateway-identity.ts';
import { TOPICS, type Topic } from '@holdfast/shared/contracts/topics.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import { serveGrpc } from '@holdfast/shared/runtime/grpc.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';

/** edge-link as a process would run it, on a folder that survives its restarts. */
export interface CloudWorld {
  readonly authority: CertificateAuthority;
  readonly folder: string;
  port: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
  /** All events of a topic, by partition and offset. */
  events(topic: Topic): Promise<LogEvent[]>;
  credentials(gatewayId: string, options?: CredentialOptions): Promise<GatewayCredentials>;
  /** As `auth` tells it. */
  revoke(gatewayId: string): Promise<void>;
}

export interface CredentialOptions {
  readonly validityMs?: number;
  /** Signs the client's certificate. */
  readonly signer?: CertificateAuthority;
  /** What the gateway trusts. */
  readonly trusted?: CertificateAuthority;
}

const DAY_MS = 86_400_000;

export interface CloudOptions {
  readonly runtime?: Runtime;
  /** Awaited before each append. */
  readonly appending?: () => Promise<void>;
}

export async function cloudWorld(options: CloudOptions = {}): Promise<CloudWorld> {
  const { runtime = testRuntime(), appending } = options;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-edge-stream-'));
  const authority = await authorityIn(join(folder, 'secrets'), runtime);
  const settings = edgeLinkSettingsSchema.parse({});
  let stopAll: (() => Promise<void>) | undefined;
  let log: EventLog | undefined;
  const world: CloudWorld = {
    authority,
    folder,
    port: 0,
    async start() {
      const opened = await openEmbeddedLog({ dir: join(folder, 'log'), runtime });
      log = appending ? slowed(opened, appending) : opened;
      const sql = openSqliteSql({ dir: join(folder, 'sql'), rt: runtime });
      const service = await openEdgeLink({ sql, log, settings, runtime, region: 'local' });
      await service.module.start();
      const tls = await issueServerCertificate(authority, { names: [] });
      const server = await serveGrpc({
        services: service.grpc ?? [],
        host: '127.0.0.1',
        port: world.port,
        setting: 'edgeLink.port',
        tls,
        clients: 'certified',
        clock: runtime.clock,
      });
      world.port = server.port;
      stopAll = async () => {
        await service.module.stop();
        await server.close();
        await opened.close();
      };
    },
    async stop() {
      await stopAll?.();
      stopAll = undefined;
    },
    async remove() {
      await world.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    events: (topic) => eventsOf(log, topic),
    async revoke(gatewayId) {
      await log?.append('gateway.revocations', [revocationOf(gatewayId, runtime)]);
    },
    async credentials(gatewayId, { validityMs = DAY_MS, signer, trusted } = {}) {
      const issued = await issueClient(signer ?? authority, gatewayId, validityMs);
      const ca = (trusted ?? authority).certificate;
      return { gatewayId, ...SCOPE, ...issued, ca, grpcUrl: `127.0.0.1:${world.port}` };
    },
  };
  return world;
}

const SCOPE = { tenant: 'dev', site: 'site-1' };

export async function authorityIn(dir: string, runtime: Runtime): Promise<CertificateAuthority> {
  const { clock, random } = runtime;
  return openX509Authority({ secrets: openFileSecrets({ dir, runtime }), clock, random });
}

export async function issueClient(
  authority: CertificateAuthority,
  gatewayId: string,
  validityMs: number,
) {
  const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const { certificate } = await authority.issue({
    purpose: 'client',
    publicKey: keys.publicKey.export({ type: 'spki', format: 'der' }),
    subject: { commonName: gatewayId, organization: 'dev', organizationalUnit: 'site-1' },
    names: [{ type: 'uri', value: gatewayUri({ ...SCOPE, gatewayId }) }],
    validityMs,
  });
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, certificate };
}

function revocationOf(gatewayId: string, { clock }: Runtime): LogRecord {
  const headers = envelopeToHeaders({
    specversion: '1.0',
    id: `evt_${gatewayId}`,
    source: 'auth',
    type: 'gateway.revoked.v1',
    subject: gatewayId,
    time: new Date(clock.now()).toISOString(),
    datacontenttype: 'application/json',
    dataschema: 'urn:holdfast:event:gateway.revoked.v1',
    tenant: SCOPE.tenant,
    region: 'local',
    sequence: '1',
  });
  const value = Buffer.from(JSON.stringify({ gatewayId, site: SCOPE.site }));
  return { key: gatewayId, headers, value };
}

async function eventsOf(log: EventLog | undefined, topic: Topic): Promise<LogEvent[]> {
  const found: LogEvent[] = [];
  const { partitionCount } = TOPICS[topic as keyof typeof TOPICS];
  for (let partition = 0; partition < partitionCount; partition++) {
    found.push(...((await log?.read(topic, partition, 0n, 10_000)) ?? []));
  }
  return found;
}

function slowed(log: EventLog, appending: () => Promise<void>): EventLog {
  return {
    append: async (topic, records) => {
      if (topic === 'telemetry.batches') await appending();
      return log.append(topic, records);
    },
    subscribe: (subscribing) => log.subscribe(subscribing),
    read: (...where) => log.read(...where),
    endOffset: (...where) => log.endOffset(...where),
    watch: (...what) => log.watch(...what),
    partitionOf: (...where) => log.partitionOf(...where),
    close: () => log.close(),
  };
}
