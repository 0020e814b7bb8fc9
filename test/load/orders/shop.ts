import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { eventually } from '../../e2e/eventually.ts';
import { freePorts } from '../../e2e/free-ports.ts';
import { runEntry } from '../../e2e/house.ts';
import { TestProcess } from '../../e2e/process.ts';

const READY_MS_MAX = 60_000;
const NO_LIMIT = '1000000000';

/** A process of the shop: its name and the targets that it runs. */
export type ShopPlan = Readonly<Record<string, readonly string[]>>;

export interface ShopOptions {
  readonly dir: string;
  readonly plan: ShopPlan;
  /** Without it every process keeps its own SQLite files. */
  readonly postgresUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces the product's own, for a test that kills at steps. */
  readonly entry?: string;
}

export interface Shop {
  readonly processes: ReadonlyMap<string, TestProcess>;
  /** Where a process answers over HTTP. */
  url(process: string): string;
  sandboxUrl: string;
  /** An access token of a development user. */
  token(username: 'admin' | 'manager' | 'operator' | 'customer'): Promise<string>;
  start(process: string): void;
  ready(process: string): Promise<void>;
  close(): Promise<void>;
}

/** Started and ready; secrets and the event log are shared, as one machine does. */
export async function openShop(options: ShopOptions): Promise<Shop> {
  const { dir, plan } = options;
  const names = Object.keys(plan);
  const ports = await freePorts(names.length * 3 + 1);
  const sandboxPort = ports.at(-1)!;
  const httpPort = (name: string): number => ports[names.indexOf(name) * 3]!;
  const { postgresUrl } = options;
  const database = postgresUrl === undefined ? undefined : await createDatabase(postgresUrl);
  const shared = sharedEnv({ ...options, ports, sandboxPort, url: database?.url });
  const processes = new Map<string, TestProcess>();
  for (const [index, name] of names.entries()) {
    const dataDir = join(dir, database ? name : `data-${plan[name]!.join('-')}`);
    mkdirSync(dataDir, { mode: 0o700, recursive: true });
    const own = {
      HOLDFAST_DATA_DIR: dataDir,
      HOLDFAST_HTTP_PORT: String(ports[index * 3]),
      HOLDFAST_INTERNAL_PORT: String(ports[index * 3 + 1]),
      HOLDFAST_EDGE_LINK_PORT: String(ports[index * 3 + 2]),
    };
    processes.set(
      name,
      new TestProcess({
        entry: options.entry ?? 'cloud/main.ts',
        args: ['run', `--target=${plan[name]!.join(',')}`],
        env: { ...shared, ...own },
        logFile: join(dir, `${name}.log`),
      }),
    );
  }
  const url = (name: string): string => `http://127.0.0.1:${httpPort(name)}`;
  const authName = names.find((name) => plan[name]!.includes('auth'))!;
  const shop: Shop = {
    processes,
    url,
    sandboxUrl: `http://127.0.0.1:${sandboxPort}`,
    token: (username) =>
      signIn(url(authName), { username, env: processes.get(authName)!.options.env }),
    start: (name) => processes.get(name)!.start(),
    async ready(name) {
      const process = processes.get(name)!;
      await eventually(
        `${name} ready; its log ends with ${process.log().slice(-2_000)}`,
        async () => {
          if (!process.running) throw new Error(`${name} ended: ${process.log().slice(-2_000)}`);
          return (await fetch(`${url(name)}/readyz`)).ok;
        },
        READY_MS_MAX,
      );
    },
    async close() {
      await Promise.all([...processes.values()].map((process) => process.stop()));
      await database?.drop();
    },
  };
  try {
    // Whoever holds the keys first: the others ask it.
    for (const name of [authName, ...names.filter((each) => each !== authName)]) {
      shop.start(name);
      if (name === authName) await shop.ready(name);
    }
    for (const name of names) await shop.ready(name);
    return shop;
  } catch (cause) {
    await shop.close();
    throw cause;
  }
}

function sharedEnv(
  options: ShopOptions & { ports: readonly number[]; sandboxPort: number; url: string | undefined },
) {
  const { dir, plan, ports, sandboxPort, url } = options;
  const names = Object.keys(plan);
  const indexOf = (target: string): number =>
    names.findIndex((name) => plan[name]!.includes(target));
  const offering = ['product', 'inventory', 'payment', 'audit'].filter(
    (each) => indexOf(each) >= 0,
  );
  const peers = offering.map((target) => [
    `HOLDFAST_PEERS_${target.toUpperCase()}`,
    `127.0.0.1:${ports[indexOf(target) * 3 + 1]}`,
  ]);
  return {
    HOLDFAST_LOG_LEVEL: 'warn',
    HOLDFAST_SECRETS_DIR: join(dir, 'secrets'),
    HOLDFAST_EVENT_LOG_DIR: join(dir, 'event-log'),
    HOLDFAST_OBJECTS_DIR: join(dir, 'objects'),
    HOLDFAST_AUTH_DEVELOPMENT_USERS: 'true',
    HOLDFAST_HTTP_RATE_LIMITS_READS_PER_MINUTE_MAX: NO_LIMIT,
    HOLDFAST_HTTP_RATE_LIMITS_WRITES_PER_MINUTE_MAX: NO_LIMIT,
    HOLDFAST_PEERS_AUTH: `http://127.0.0.1:${ports[indexOf('auth') * 3]}`,
    ...Object.fromEntries(peers),
    HOLDFAST_PAYMENT_SANDBOX_PORT: String(sandboxPort),
    ...(url && { HOLDFAST_SQL_SECRET_URL: url }),
    ...options.env,
  };
}

async function signIn(
  url: string,
  { username, env }: { username: string; env: Readonly<Record<string, string>> },
): Promise<string> {
  const printed = await runEntry('cloud/main.ts', ['development-logins'], env);
  const logins = JSON.parse(printed.stdout) as { username: string; password: string }[];
  const body = JSON.stringify(logins.find((login) => login.username === username));
  const headers = { 'content-type': 'application/json' };
  const answer = await send(`${url}/v1/auth/token`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

/** A database of its own, so that nothing else is in it and nothing is left. */
export async function createDatabase(url: string) {
  const name = `shop_${randomUUID().replaceAll('-', '')}`;
  const run = async (statement: string): Promise<void> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await run(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => run(`drop database ${name} with (force)`) };
}

const SENDS_MAX = 3;
/** Others that were closed at the same moment are known to be by then. */
const RESEND_MS = 100;

/**
 * As clients do: a connection that the server closes while it lies idle takes a request with it now
 * and then, and the request is sent again. What creates carries its key.
 */
async function send(url: string, request: RequestInit): Promise<Response> {
  for (let sends = 1; ; sends += 1) {
    try {
      return await fetch(url, request);
    } catch (cause) {
      if (sends === SENDS_MAX) throw cause;
    }
    await setTimeout(RESEND_MS);
  }
}

/** A request as a client of the shop makes it; throws what is not 2xx. */
export async function ask<T>(
  url: string,
  {
    token,
    body,
    key = randomUUID(),
  }: {
    readonly token: string;
    readonly body?: unknown;
    readonly key?: string;
  },
): Promise<T> {
  const answer = await send(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'idempotency-key': key,
      }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
