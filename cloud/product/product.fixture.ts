import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { TOPICS, type Topic } from '@holdfast/shared/contracts/topics.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy, PolicyDecision } from '@holdfast/shared/platform/policy/policy.ts';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog, LogEvent } from '../platform/event-log/event-log.ts';
import { createApi } from '../platform/http/api.ts';
import { checkedApp } from '../platform/http/document.fixture.ts';
import { openMemoryKv } from '../platform/kv/kv.memory.ts';
import type { Kv } from '../platform/kv/kv.ts';
import { openFolderObjects } from '../platform/objects/objects.folder.ts';
import type { Objects } from '../platform/objects/objects.ts';
import { openProduct, PRODUCT_TABLES, type ProductHandle } from './product.module.ts';
import { productSettingsSchema } from './settings.ts';

const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];

/** SQLite always, PostgreSQL when it is there; the title of what is skipped carries the reason. */
export const DATABASES: readonly { technology: Technology; title: string; skip: boolean }[] = [
  { technology: 'sqlite', title: 'on sqlite', skip: false },
  {
    technology: 'postgres',
    title: POSTGRES_URL ? 'on postgres' : 'skipped: HOLDFAST_TEST_POSTGRES_URL is not set',
    skip: !POSTGRES_URL,
  },
];

/** Tokens are written as `roles@tenant`. */
export const MANAGER = 'manager@dev';
export const CUSTOMER = 'customer@dev';
export const STRANGER = 'administrator@other';

export const PEAS = {
  item: 'FRZ-PEAS-1KG',
  name: 'Garden peas',
  description: 'Shelled and frozen',
  taxClass: 'reduced',
  prices: [{ currency: 'EUR', minorUnits: 329 }],
  categories: ['frozen'],
};

const verifier: TokenVerifier = {
  async verify(header): Promise<Principal> {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [roles, tenant] = header.slice('Bearer '.length).split('@');
    const granted = roles!.split(',') as Role[];
    return { subject: `usr_${roles}`, tenant: tenant!, sites: ['*'], roles: granted };
  },
};

/** Managers write, and lower prices; an administrator may raise them, too. */
const policy: Policy = {
  revision: 'test-1',
  decide(principal, question): PolicyDecision {
    const writes = principal.roles.some((role) => role === 'manager' || role === 'administrator');
    const raises =
      question.action === 'product.price_change' &&
      question.resource.toMinorUnits > question.resource.fromMinorUnits;
    const allowed = writes && (!raises || principal.roles.includes('administrator'));
    return { allowed, reasons: [allowed ? 'by role' : 'not by this role'], revision: 'test-1' };
  },
};

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  readonly body: any;
}

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface ProductWorldOptions {
  readonly technology?: Technology;
  readonly settings?: object;
  readonly developmentData?: boolean;
  readonly runtime?: Runtime;
  readonly kv?: Kv;
}

/** One process of `product`, asked without a socket. */
export class ProductProcess {
  readonly handle: ProductHandle;
  readonly #app: ReturnType<typeof checkedApp>;

  constructor(handle: ProductHandle, runtime: Runtime) {
    this.handle = handle;
    const api = createApi({ app: createApp(runtime), verifier });
    handle.routes(api);
    this.#app = checkedApp(api);
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    const { token = MANAGER, body, headers = {} } = options;
    const isBytes = body instanceof Uint8Array;
    const response = await this.#app.fetch(
      new Request(`http://cloud${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && !isBytes ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
      }),
    );
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json') && bytes.length > 0;
    const parsed = isJson ? JSON.parse(bytes.toString()) : undefined;
    return { status: response.status, headers: response.headers, bytes, body: parsed };
  }

  get(path: string, options: CallOptions = {}): Promise<Reply> {
    return this.call('GET', path, options);
  }

  create(fields: object = PEAS, options: CallOptions = {}): Promise<Reply> {
    const key = { 'idempotency-key': randomBytes(8).toString('hex') };
    const headers = { ...key, ...options.headers };
    return this.call('POST', '/v1/products', { ...options, body: fields, headers });
  }

  /** PUT, PATCH or DELETE of the version that is there now. */
  async change(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    const [product] = /\/v1\/products\/[^/]+/.exec(path)!;
    const etag = (await this.get(product)).headers.get('etag') ?? '"none"';
    return this.call(method, path, {
      ...options,
      headers: { 'if-match': etag, ...options.headers },
    });
  }
}

/** A database, a log and a folder of objects, on which processes of `product` run. */
export class ProductWorld {
  readonly technology: Technology;
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-product-'));
  readonly runtime: Runtime;
  readonly schema = `product-${randomBytes(6).toString('hex')}`;
  readonly #options: ProductWorldOptions;
  readonly #running: ProductProcess[] = [];
  log!: EventLog;
  objects!: Objects;

  private constructor(options: ProductWorldOptions) {
    this.#options = options;
    this.technology = options.technology ?? 'sqlite';
    this.runtime = options.runtime ?? testRuntime();
  }

  static async open(options: ProductWorldOptions = {}): Promise<ProductWorld> {
    const world = new ProductWorld(options);
    const { dir, runtime } = world;
    world.log = await openEmbeddedLog({ dir: join(dir, 'log'), runtime, writes: 'inline' });
    world.objects = await openFolderObjects({ dir: join(dir, 'objects'), runtime });
    return world;
  }

  get openSql(): OpenSql {
    const rt = testRuntime();
    if (this.technology === 'sqlite') return openSqliteSql({ dir: this.dir, rt });
    const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
    return (service) => open({ ...service, service: this.schema });
  }

  start(): Promise<ProductProcess> {
    return this.#start(this.runtime);
  }

  /** A process whose clock is ahead of the others'. */
  startLater(ms: number): Promise<ProductProcess> {
    const { clock } = this.runtime;
    const nowMicros = (): bigint => clock.nowMicros() + BigInt(ms) * 1000n;
    return this.#start({ ...this.runtime, clock: { ...clock, nowMicros } });
  }

  async #start(runtime: Runtime): Promise<ProductProcess> {
    const { log, objects } = this;
    const settings = this.#options.settings ?? {};
    const handle = await openProduct({
      sql: this.openSql,
      log,
      objects,
      runtime,
      policy,
      kv: this.#options.kv ?? openMemoryKv({ runtime }),
      settings: productSettingsSchema.parse(settings),
      region: 'local',
      developmentData: this.#options.developmentData ?? false,
    });
    const started = new ProductProcess(handle, runtime);
    this.#running.push(started);
    await handle.module.start();
    return started;
  }

  /** All events of the topic, by partition. */
  async events(topic: Topic): Promise<LogEvent[]> {
    const count = TOPICS[topic as keyof typeof TOPICS].partitionCount;
    const partitions = Array.from({ length: count }, (_, at) => this.log.read(topic, at, 0n, 1000));
    return (await Promise.all(partitions)).flat();
  }

  async audited(): Promise<AuditEntry[]> {
    const events = await this.events('audit.entries');
    return events.map(({ value }) => JSON.parse(Buffer.from(value).toString()));
  }

  async close(): Promise<void> {
    for (const { handle } of this.#running) await handle.module.stop();
    await this.log.close();
    await this.objects.close();
    if (this.technology === 'postgres') await this.#dropSchema();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #dropSchema(): Promise<void> {
    const own = await this.openSql(PRODUCT_TABLES);
    await own.transaction((tx) => raw`drop schema ${raw.id(this.schema)} cascade`.execute(tx));
    await own.close();
  }
}
