import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import type { LogRecord } from '../../platform/event-log/event-log.ts';
import { createApi } from '../../platform/http/api.ts';
import { checkedApp } from '../../platform/http/document.fixture.ts';
import { BEGIN, type BlockOptions, blockRecord, type Message } from '../blocks.fixture.ts';
import { TestConsumer, TestDatabase } from '../databases.fixture.ts';
import type { TelemetryTables } from '../store/tables.ts';
import { deviceRoutes } from './devices.ts';
import { gatewayRoutes } from './gateways.ts';
import { readingRoutes } from './readings.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  readonly body: any;
}

/** Tokens are written as `roles@tenant/sites`. */
export const OPERATOR = 'operator@dev/site-1';
export const EVERYWHERE = 'manager@dev/*';

const verifier: TokenVerifier = {
  async verify(header): Promise<Principal> {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [roles, tenant, sites] = header.slice('Bearer '.length).split(/[@/]/);
    const granted = roles!.split(',') as Role[];
    return { subject: 'usr_1', tenant: tenant!, sites: sites!.split(','), roles: granted };
  },
};

/** RFC 3339, so many seconds after the first record of the blocks. */
export function at(second: number): string {
  return new Date(BEGIN / 1000 + second * 1000).toISOString();
}

/** Temperatures of one device, one a second. */
export function readings(values: readonly unknown[], changes: Partial<Message> = {}): Message[] {
  return values.map((payload, index) => ({
    channel: 'temperature',
    payload,
    atMicros: index * 1_000_000,
    ...changes,
  }));
}

/** The paths on a database of their own, asked without a socket. */
export class TestApi {
  readonly sql: Sql<TelemetryTables>;
  readonly clock: SimulatedClock;
  readonly #database: TestDatabase;
  readonly #consumer: TestConsumer;
  readonly #app: ReturnType<typeof checkedApp>;

  private constructor(database: TestDatabase, sql: Sql<TelemetryTables>) {
    this.#database = database;
    this.sql = sql;
    this.#consumer = new TestConsumer(sql);
    this.clock = simulatedClock(BEGIN / 1000);
    const api = createApi({ app: createApp(testRuntime()), verifier });
    deviceRoutes(api, { sql });
    readingRoutes(api, { sql });
    gatewayRoutes(api, { sql, clock: this.clock });
    this.#app = checkedApp(api);
  }

  static async open(): Promise<TestApi> {
    const database = new TestDatabase('sqlite');
    return new TestApi(database, await database.open());
  }

  store(messages: readonly Message[], options: BlockOptions = {}): Promise<void> {
    return this.#consumer.deliver([blockRecord(messages, options)]);
  }

  /** Records as they are in the log. */
  deliver(...records: LogRecord[]): Promise<void> {
    return this.#consumer.deliver(records);
  }

  get(path: string, token = OPERATOR, headers = {}): Promise<Reply> {
    return this.getAs({ authorization: `Bearer ${token}`, ...headers }, path);
  }

  async getAs(headers: Record<string, string>, path: string): Promise<Reply> {
    const response = await this.#app.fetch(new Request(`http://cloud${path}`, { headers }));
    const text = await response.text();
    const body = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, headers: response.headers, body };
  }

  close(): Promise<void> {
    return this.#database.dispose();
  }
}

/** The path of the next page, when there is one. */
export function nextOf({ headers }: Reply): string | undefined {
  return /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
}
