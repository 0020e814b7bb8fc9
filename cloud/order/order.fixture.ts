import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { openWasmPolicy } from '@holdfast/shared/platform/policy/policy.wasm.ts';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { type Api, createApi } from '../platform/http/api.ts';
import { type OrderHandle, openOrder } from './order.module.ts';
import type { OrderPeers } from './peers.fixture.ts';
import { type OrderSettings, orderSettingsSchema } from './settings.ts';
import { ORDER_TABLES } from './store/migrations.ts';
import type { OrderTables } from './store/tables.ts';

export const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];

export const DATABASES: readonly { technology: Technology; title: string; skip: boolean }[] = [
  { technology: 'sqlite', title: 'on sqlite', skip: false },
  {
    technology: 'postgres',
    title: POSTGRES_URL ? 'on postgres' : 'skipped: HOLDFAST_TEST_POSTGRES_URL is not set',
    skip: !POSTGRES_URL,
  },
];

/** Where a test's tables and its log are; another process finds them by it. */
export interface OrderPlace {
  readonly technology: Technology;
  readonly dir: string;
  readonly schema: string;
}

export function newPlace(technology: Technology): OrderPlace {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-order-'));
  return { technology, dir, schema: `order-${randomBytes(6).toString('hex')}` };
}

export function openerOf(place: OrderPlace, rt: Runtime): OpenSql {
  if (place.technology === 'sqlite') return openSqliteSql({ dir: place.dir, rt });
  const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
  return (service) => open({ ...service, service: place.schema });
}

export async function dropPlace(place: OrderPlace): Promise<void> {
  if (place.technology === 'postgres') {
    const own = await openerOf(place, testRuntime())(ORDER_TABLES);
    await own.transaction((tx) => raw`drop schema ${raw.id(place.schema)} cascade`.execute(tx));
    await own.close();
  }
  rmSync(place.dir, { recursive: true, force: true });
}

/** Quick about what it waits for, so that a test need not be slow. */
export const HASTY = { sweepMs: 20, confirmSeconds: 60, holdSeconds: 120 } as const;

const POLICY_FOLDER = fileURLToPath(new URL('../../policies/bundle', import.meta.url));

/** Tokens are written as `roles@tenant/subject`. */
export const sampleVerifier: TokenVerifier = {
  async verify(header): Promise<Principal> {
    const match = /^Bearer (.*)@(.*)\/(.*)$/.exec(header ?? '');
    if (!match) throw new AppError('TOKEN_MISSING', 'no token');
    const [, roles, tenant, subject] = match;
    return {
      subject: subject!,
      tenant: tenant!,
      sites: ['*'],
      roles: roles!.split(',') as Role[],
    };
  },
};

export interface OpenOptions {
  readonly peers: OrderPeers;
  readonly runtime?: Runtime;
  readonly settings?: Partial<OrderSettings>;
}

/** One process of the target, on a place that several may share. */
export class OrderProcess {
  readonly handle: OrderHandle;
  readonly sql: Sql<OrderTables>;
  readonly api: Api;
  readonly log: EventLog;
  readonly #close: () => Promise<void>;

  private constructor(
    parts: Pick<OrderProcess, 'handle' | 'sql' | 'api' | 'log'>,
    close: () => Promise<void>,
  ) {
    this.handle = parts.handle;
    this.sql = parts.sql;
    this.api = parts.api;
    this.log = parts.log;
    this.#close = close;
  }

  static async open(place: OrderPlace, options: OpenOptions): Promise<OrderProcess> {
    const { peers, runtime = testRuntime(), settings } = options;
    const open = openerOf(place, runtime);
    const log = await openEmbeddedLog({ dir: join(place.dir, 'log'), runtime, leaseMs: 1_000 });
    const handle = await openOrder({
      sql: open,
      log,
      policy: await openWasmPolicy({ folder: POLICY_FOLDER, runtime }),
      peers,
      settings: { ...orderSettingsSchema.parse({}), ...HASTY, ...settings },
      region: 'local',
      runtime,
    });
    const sql = await open<OrderTables>(ORDER_TABLES);
    await handle.module.start();
    const api = createApi({ app: createApp(runtime), verifier: sampleVerifier });
    handle.routes(api);
    return new OrderProcess({ handle, sql, api, log }, async () => {
      await handle.module.stop();
      await sql.close();
      await log.close();
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  async ask(request: Asked, app: Pick<Api['app'], 'fetch'> = this.api.app): Promise<Reply> {
    const { method = 'GET', path, token = CUSTOMER, body, key, headers } = request;
    const response = await app.fetch(
      new Request(`http://cloud${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(key && { 'idempotency-key': key }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** Places an order; its id. */
  async place(changed: Record<string, unknown> = {}, token = CUSTOMER): Promise<string> {
    const key = randomBytes(8).toString('hex');
    const body = { ...SAMPLE_BODY, ...changed };
    const reply = await this.ask({ method: 'POST', path: '/v1/orders', key, body, token });
    if (reply.status !== 202) throw new Error(`${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body.id as string;
  }
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  readonly body: any;
}

export const CUSTOMER = 'customer@dev/usr_1';
export const OPERATOR = 'operator@dev/usr_op';

export const SAMPLE_BODY = {
  lines: [{ productId: 'prd_peas', quantity: 1 }],
  shippingAddress: {
    name: 'Ada Example',
    street: 'Main Street 1',
    city: 'Berlin',
    postalCode: '10115',
    country: 'DE',
  },
  currency: 'EUR',
  payment: { methodToken: 'tok_visa' },
};
