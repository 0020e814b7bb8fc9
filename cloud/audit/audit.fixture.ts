import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envelopeToHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { type Clock, systemClock } from '@holdfast/shared/runtime/clock.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog, LogRecord } from '../platform/event-log/event-log.ts';
import { createApi } from '../platform/http/api.ts';
import { checkedApp } from '../platform/http/document.fixture.ts';
import { AUDIT_TABLES, type AuditHandle, openAudit } from './audit.module.ts';
import type { AuditTables } from './store/tables.ts';

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

export const ADMINISTRATOR = 'administrator@dev';

/** Tokens are written as `role@tenant`. */
const verifier: TokenVerifier = {
  async verify(header): Promise<Principal> {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [role, tenant] = header.slice('Bearer '.length).split('@');
    return { subject: `usr_${role}`, tenant: tenant!, sites: ['*'], roles: [role as Role] };
  },
};

const policy: Policy = {
  revision: 'test-1',
  decide({ roles, tenant }, { resource }) {
    const allowed = roles.includes('administrator') && tenant === resource.tenant;
    return { allowed, reasons: [allowed ? 'by role' : 'not by this role'], revision: 'test-1' };
  },
};

/** The turn of a minute is always a minute away: heads are chained by the test alone. */
const clock: Clock = { ...systemClock, now: () => 1_780_000_020_000 };

export interface Recorded {
  readonly service?: string;
  readonly tenant?: string;
  readonly entry?: Partial<AuditEntry>;
  /** In place of the entry. */
  readonly value?: Uint8Array;
}

/** One process of `audit`. */
export interface AuditProcess {
  readonly handle: AuditHandle;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  get(path: string, token?: string): Promise<{ status: number; headers: Headers; body: any }>;
}

/** A database and a log, on which processes of `audit` run. */
export class AuditWorld {
  readonly technology: Technology;
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-audit-'));
  readonly schema = `audit-${randomBytes(6).toString('hex')}`;
  readonly #running: AuditHandle[] = [];
  readonly #sequences = new Map<string, number>();
  log!: EventLog;
  /** For a look at what was stored, and for whoever tampers with it. */
  sql!: Sql<AuditTables>;

  private constructor(technology: Technology) {
    this.technology = technology;
  }

  static async open(technology: Technology): Promise<AuditWorld> {
    const world = new AuditWorld(technology);
    const dir = join(world.dir, 'log');
    world.log = await openEmbeddedLog({ dir, runtime: testRuntime(), writes: 'inline' });
    world.sql = await world.openSql<AuditTables>(AUDIT_TABLES);
    return world;
  }

  get openSql(): OpenSql {
    const rt = testRuntime();
    if (this.technology === 'sqlite') return openSqliteSql({ dir: this.dir, rt });
    const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
    return (service) => open({ ...service, service: this.schema });
  }

  async start(): Promise<AuditProcess> {
    const { openSql: sql, log } = this;
    const runtime = testRuntime({ clock });
    const handle = await openAudit({ sql, log, policy, region: 'local', runtime });
    this.#running.push(handle);
    await handle.module.start();
    const api = createApi({ app: createApp(runtime), verifier });
    handle.routes(api);
    const app = checkedApp(api);
    return {
      handle,
      async get(path, token = ADMINISTRATOR) {
        const headers = { authorization: `Bearer ${token}` };
        const response = await app.fetch(new Request(`http://cloud${path}`, { headers }));
        const { status, headers: answered } = response;
        return { status, headers: answered, body: await response.json() };
      },
    };
  }

  /** As a service's outbox makes it, the next of its subject. */
  record({ service = 'order', tenant = 'dev', entry = {}, value }: Recorded = {}): LogRecord {
    const said = {
      action: 'order.cancel',
      outcome: 'done',
      actor: 'usr_1',
      resource: { kind: 'order', id: 'ord_1' },
      ...entry,
    };
    const subject = `audit/${tenant}/${said.resource.kind}/${said.resource.id}`;
    const sequence = (this.#sequences.get(`${service} ${subject}`) ?? 0) + 1;
    this.#sequences.set(`${service} ${subject}`, sequence);
    const nowMs = Date.now();
    const headers = envelopeToHeaders({
      specversion: '1.0',
      id: prefixedId('evt', nowMs, randomBytes(10)),
      source: service,
      type: 'audit.recorded.v1',
      subject,
      time: new Date(nowMs).toISOString(),
      datacontenttype: 'application/json',
      dataschema: 'urn:holdfast:event:audit.recorded.v1',
      tenant,
      region: 'local',
      sequence: String(sequence),
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    return { key: subject, headers, value: value ?? Buffer.from(JSON.stringify(said)) };
  }

  async append(...records: readonly LogRecord[]): Promise<void> {
    await this.log.append('audit.entries', records);
  }

  async rowCount(): Promise<number> {
    const rows = await this.sql.read((db) =>
      db.selectFrom('audit_entries').select('chain_index').execute(),
    );
    return rows.length;
  }

  async close(): Promise<void> {
    for (const handle of this.#running) await handle.module.stop();
    await this.log.close();
    if (this.technology === 'postgres') {
      await this.sql.transaction((tx) =>
        raw`drop schema ${raw.id(this.schema)} cascade`.execute(tx),
      );
    }
    await this.sql.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
