import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import type { Clock } from '../../runtime/clock.ts';
import { testRuntime } from '../../runtime/runtime.ts';
import type { Steps } from '../../runtime/steps.ts';
import { openPostgresSql } from './sql.postgres.ts';
import { openSqliteSql, type SqliteSqlOptions } from './sql.sqlite.ts';
import type { Migration, OpenSql, Sql, Technology } from './sql.ts';

/** What the cases of the suite store. */
export interface CaseTables {
  items: { id: string; n: bigint | null; r: number | null; t: string | null; b: Uint8Array | null };
  counters: { name: string; value: bigint };
}

export const MIGRATIONS: readonly Migration[] = [
  {
    id: '0001-items',
    async up(tx) {
      await tx.schema
        .createTable('items')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('n', 'bigint')
        .addColumn('r', 'real')
        .addColumn('t', 'text')
        .addColumn('b', 'blob')
        .execute();
    },
  },
  {
    id: '0002-counters',
    async up(tx) {
      await tx.schema
        .createTable('counters')
        .addColumn('name', 'text', (column) => column.primaryKey().notNull())
        .addColumn('value', 'bigint', (column) => column.notNull())
        .execute();
    },
  },
];

const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];

/** SQLite always, PostgreSQL when it is there; the title of a skipped suite carries the reason. */
export const TECHNOLOGIES = [
  { technology: 'sqlite' as Technology, title: 'sql on sqlite', skip: false },
  {
    technology: 'postgres' as Technology,
    title: POSTGRES_URL
      ? 'sql on postgres'
      : 'sql on postgres, skipped: HOLDFAST_TEST_POSTGRES_URL is not set',
    skip: !POSTGRES_URL,
  },
];

export interface OpenOptions {
  readonly service?: string;
  readonly migrations?: readonly Migration[];
  readonly transactionMsMax?: number;
  readonly steps?: Steps;
  readonly clock?: Clock;
  /** SQLite only: the disk. */
  readonly openSync?: SqliteSqlOptions['openSync'];
  /** PostgreSQL only: added to the URL. */
  readonly query?: string;
}

/**
 * One database for one test: a folder, or schemas with names of their own. `dispose` leaves
 * nothing.
 */
export class CaseWorld {
  readonly technology: Technology;
  readonly service: string;
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-sql-'));
  readonly url = POSTGRES_URL ?? '';
  readonly #services = new Set<string>();
  readonly #open = new Set<Sql<CaseTables>>();

  constructor(technology: Technology) {
    this.technology = technology;
    this.service = this.name('case');
  }

  /** A service's name that no other test uses. */
  name(prefix: string): string {
    return `${prefix}-${testRuntime().random.bytes(6).toString('hex')}`;
  }

  async open(options: OpenOptions = {}): Promise<Sql<CaseTables>> {
    const { service = this.service, migrations = MIGRATIONS } = options;
    this.#services.add(service);
    const handle = await this.#adapter(options)<CaseTables>({ service, migrations });
    this.#open.add(handle);
    return handle;
  }

  /** Starts `sql.case.child.ts` on the same database. */
  start(mode: string, count: number): CaseChild {
    this.#services.add(this.service);
    const { technology, service, dir, url } = this;
    const task = JSON.stringify({ technology, service, dir, url, mode, count });
    return startChild(join(import.meta.dirname, 'sql.case.child.ts'), task);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#open].map((handle) => handle.close()));
    if (this.technology === 'postgres') await this.#dropSchemas();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #dropSchemas(): Promise<void> {
    const service = this.name('drop');
    const cleaner = await this.#adapter({})<unknown>({ service, migrations: [] });
    for (const schema of [...this.#services, service]) {
      await cleaner.transaction((tx) =>
        sql`drop schema if exists ${sql.id(schema)} cascade`.execute(tx),
      );
    }
    await cleaner.close();
  }

  #adapter({ transactionMsMax, steps, clock, openSync, query = '' }: OpenOptions): OpenSql {
    const rt = testRuntime({ ...(steps && { steps }), ...(clock && { clock }) });
    const limits = transactionMsMax === undefined ? {} : { transactionMsMax };
    return this.technology === 'sqlite'
      ? openSqliteSql({ dir: this.dir, rt, ...limits, ...(openSync && { openSync }) })
      : openPostgresSql({ url: `${this.url}${query}`, rt, ...limits });
  }
}

/** A process that works on the same tables. */
export interface CaseChild {
  /** The lines that it wrote so far. */
  readonly lines: readonly string[];
  tell(line: string): void;
  kill(): void;
  /** Its exit code; undefined when it was killed. */
  readonly ended: Promise<number | undefined>;
}

function startChild(file: string, task: string): CaseChild {
  const child = spawn(process.execPath, [file, task], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    lines,
    tell: (line) => child.stdin.write(`${line}\n`),
    kill: () => child.kill('SIGKILL'),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? undefined))),
  };
}
