import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { Role } from '@holdfast/shared/contracts/roles.ts';
import { TOPICS } from '@holdfast/shared/contracts/topics.ts';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import { createTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp, type HttpApp } from '@holdfast/shared/runtime/http.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { Pkcs10CertificateRequestGenerator } from '@holdfast/shared/runtime/x509.ts';
import { sql } from 'kysely';
import { openAuthorityIn } from '../platform/certificate-authority/authority.fixture.ts';
import type * as pki from '../platform/certificate-authority/certificate-authority.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { createApi } from '../platform/http/api.ts';
import { checkedApp } from '../platform/http/document.fixture.ts';
import { RELAY_GATHER_MS } from '../platform/outbox/relay.ts';
import { openFileSecrets } from '../platform/secrets/secrets.file.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import { type AuthHandle, openAuth } from './auth.module.ts';
import { authSettingsSchema } from './settings.ts';
import { AUTH_MIGRATIONS } from './store/migrations.ts';
import { createUser } from './users.ts';

export type Technology = 'sqlite' | 'postgres';

const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];
export const TECHNOLOGIES: readonly Technology[] = POSTGRES_URL
  ? ['sqlite', 'postgres']
  : ['sqlite'];

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  readonly body: any;
}

export interface AuthWorld {
  readonly clock: SimulatedClock;
  readonly runtime: Runtime;
  readonly secrets: Secrets;
  /** The folder of everything that is on disk. */
  readonly dir: string;
  readonly authority: pki.CertificateAuthority;
  readonly openSql: OpenSql;
  readonly app: HttpApp;
  readonly handle: AuthHandle;
  readonly log: EventLog;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  post(path: string, body?: unknown, token?: string): Promise<Reply>;
  get(path: string, token?: string): Promise<Reply>;
  /** Adds a user and signs in; its access token. */
  signedIn(user: { tenant?: string; roles?: Role[]; sites?: string[] }): Promise<string>;
  /** The audit rows so far, in the order of each resource. */
  audited(): Promise<AuditEntry[]>;
  /** Opens the service once more on the same state, as a second process would. */
  openAgain(settings?: object): Promise<AuthHandle>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

export interface AuthWorldOptions {
  readonly technology?: Technology;
  readonly settings?: object;
  readonly startMs?: number;
}

export async function openAuthWorld(options: AuthWorldOptions = {}): Promise<AuthWorld> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-auth-'));
  const clock = simulatedClock(options.startMs ?? Date.UTC(2026, 0, 1));
  const runtime = testRuntime({ clock });
  const secrets = openFileSecrets({ dir: join(dir, 'secrets'), runtime });
  const authority = await openAuthorityIn(dir, clock);
  const log = await openEmbeddedLog({ dir: join(dir, 'log'), runtime: testRuntime() });
  const place = placeOn(options.technology ?? 'sqlite', dir);
  const { openSql } = place;
  const opened: AuthHandle[] = [];
  const open = async (settings: object): Promise<AuthHandle> => {
    const handle = await openAuth({
      runtime,
      openSql,
      secrets,
      authority,
      log,
      region: 'local',
      settings: authSettingsSchema.parse(settings),
      grpcUrl: () => 'localhost:8090',
      loopback: true,
    });
    opened.push(handle);
    await handle.module.start();
    return handle;
  };
  const handle = await open(options.settings ?? {});
  const app = createApp(runtime);
  const verifier = createTokenVerifier({ jwks: handle.jwks, clock });
  const api = createApi({ app, verifier });
  handle.routes(api);
  const calls = callsOn(checkedApp(api));
  return {
    clock,
    runtime,
    secrets,
    dir,
    authority,
    openSql,
    app,
    handle,
    log,
    ...calls,
    async audited() {
      // The relay's rounds begin that far apart.
      await clock.advance(RELAY_GATHER_MS);
      return auditedIn(log);
    },
    openAgain: (settings = options.settings ?? {}) => open(settings),
    async signedIn({ tenant = 'dev', roles = ['administrator'], sites = ['*'] }) {
      const username = `user-${randomBytes(6).toString('hex')}`;
      const password = randomBytes(12).toString('hex');
      await createUser({ runtime, openSql }, { username, password, tenant, roles, sites });
      return (await calls.post('/v1/auth/token', { username, password })).body.accessToken;
    },
    async close() {
      for (const each of opened) await each.module.stop();
      await log.close();
      await place.remove();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function auditedIn(log: EventLog): Promise<AuditEntry[]> {
  const { partitionCount } = TOPICS['audit.entries'];
  const all: AuditEntry[] = [];
  for (let partition = 0; partition < partitionCount; partition++) {
    const events = await log.read('audit.entries', partition, 0n, 1000);
    all.push(...events.map(({ value }) => JSON.parse(Buffer.from(value).toString())));
  }
  return all;
}

function callsOn(app: ReturnType<typeof checkedApp>): Pick<AuthWorld, 'call' | 'post' | 'get'> {
  const call = async (method: string, path: string, options: CallOptions = {}): Promise<Reply> => {
    const { body: sent, token, headers: own } = options;
    const headers = {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...own,
    };
    const init = { method, headers, ...(sent === undefined ? {} : { body: JSON.stringify(sent) }) };
    const response = await app.fetch(new Request(`http://cloud${path}`, init));
    const text = await response.text();
    const body = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, headers: response.headers, text, body };
  };
  return {
    call,
    get: (path, token) => call('GET', path, token === undefined ? {} : { token }),
    post: (path, body = {}, token) =>
      call('POST', path, { body, ...(token === undefined ? {} : { token }) }),
  };
}

interface Place {
  readonly openSql: OpenSql;
  remove(): Promise<void>;
}

/** On PostgreSQL each world has a schema of its own. */
function placeOn(technology: Technology, dir: string): Place {
  const rt = testRuntime();
  if (technology === 'sqlite')
    return { openSql: openSqliteSql({ dir, rt }), remove: async () => {} };
  const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 3 });
  const schema = `auth-${randomBytes(6).toString('hex')}`;
  return {
    openSql: (service) => open({ ...service, service: schema }),
    async remove() {
      const own = await open({ service: schema, migrations: AUTH_MIGRATIONS });
      await own.transaction((tx) => sql`drop schema ${sql.id(schema)} cascade`.execute(tx));
      await own.close();
    },
  };
}

export interface GatewayKey {
  readonly privateKey: KeyObject;
  readonly csr: string;
}

export async function drawGatewayKey(): Promise<GatewayKey> {
  const { privateKey: pem } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return keyOf(createPrivateKey(pem));
}

async function keyOf(privateKey: KeyObject): Promise<GatewayKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const jwk = privateKey.export({ format: 'jwk' });
  const publicJwk = { kty: jwk.kty!, crv: jwk.crv!, x: jwk.x!, y: jwk.y! };
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys: {
      privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await crypto.subtle.importKey('jwk', publicJwk, algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
    name: 'CN=whoever',
  });
  return { privateKey, csr: request.toString('pem') };
}
