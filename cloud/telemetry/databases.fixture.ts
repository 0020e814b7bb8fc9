import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import type { LogRecord } from '../platform/event-log/event-log.ts';
import { batchOf } from './blocks.fixture.ts';
import { createApplier } from './events/applier.ts';
import { type BlockConsumerDeps, handleBlocks, handleLive } from './events/block-consumer.ts';
import { migrations } from './store/migrations.ts';
import { SeriesIds } from './store/series-ids.ts';
import type { TelemetryTables } from './store/tables.ts';

export const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];

/** SQLite always, PostgreSQL when it is there; the title of what is skipped carries the reason. */
export const DATABASES: readonly { technology: Technology; title: string; skip: boolean }[] = [
  { technology: 'sqlite', title: 'on sqlite', skip: false },
  {
    technology: 'postgres',
    title: POSTGRES_URL ? 'on postgres' : 'skipped: HOLDFAST_TEST_POSTGRES_URL is not set',
    skip: !POSTGRES_URL,
  },
];

/** Where a test's tables are; another process finds them by it. */
export interface TestPlace {
  readonly technology: Technology;
  readonly dir: string;
  readonly schema: string;
}

/** A database of one test: a folder, or a schema of its own. */
export class TestDatabase implements TestPlace {
  readonly technology: Technology;
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-telemetry-'));
  readonly schema = `telemetry-${randomBytes(6).toString('hex')}`;
  readonly #handles = new Set<Sql<TelemetryTables>>();

  constructor(technology: Technology) {
    this.technology = technology;
  }

  get place(): TestPlace {
    return { technology: this.technology, dir: this.dir, schema: this.schema };
  }

  opener(rt: Runtime = testRuntime()): OpenSql {
    return openerOf(this, rt);
  }

  async open(rt: Runtime = testRuntime()): Promise<Sql<TelemetryTables>> {
    const handle = await this.opener(rt)<TelemetryTables>({ service: 'telemetry', migrations });
    this.#handles.add(handle);
    return handle;
  }

  async dispose(): Promise<void> {
    for (const handle of this.#handles) await handle.close();
    if (this.technology === 'postgres') {
      const own = await this.opener()({ service: 'telemetry', migrations });
      await own.transaction((tx) => raw`drop schema ${raw.id(this.schema)} cascade`.execute(tx));
      await own.close();
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function openerOf(place: TestPlace, rt: Runtime): OpenSql {
  if (place.technology === 'sqlite') return openSqliteSql({ dir: place.dir, rt });
  const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
  return (service) => open({ ...service, service: place.schema });
}

/** The consumer without a log: what is delivered is applied. */
export class TestConsumer {
  readonly runtime: Runtime;
  readonly #deps: BlockConsumerDeps;

  constructor(sql: Sql<TelemetryTables>, runtime: Runtime = testRuntime()) {
    this.runtime = runtime;
    const { clock, metrics, steps } = runtime;
    const now = (): bigint => clock.nowMicros();
    const applier = createApplier({ sql, ids: new SeriesIds(), steps, now, clock, metrics });
    this.#deps = { sql, runtime, applier };
  }

  deliver(records: readonly LogRecord[], fromOffset = 0): Promise<void> {
    return handleBlocks(batchOf(records, fromOffset), this.#deps);
  }

  /** As the group delivers that takes live blocks only. */
  deliverLive(records: readonly LogRecord[]): Promise<void> {
    return handleLive(batchOf(records), this.#deps);
  }
}
