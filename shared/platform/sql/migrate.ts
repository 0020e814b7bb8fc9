import { createHash } from 'node:crypto';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  PostgresDialect,
  type QueryResult,
  SqliteDialect,
  type Transaction,
} from 'kysely';
import { AppError } from '../../lib/app-error.ts';
import { assert } from '../../lib/assert.ts';
import { messageOf } from '../../lib/message-of.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Engine } from './engine.ts';
import type { Migration, Technology } from './sql.ts';
import { runWork, transactionOn } from './work.ts';

/** One migration, waiting for another process's included. */
export const MIGRATION_MS_MAX = 10 * 60_000;

interface MigrationTables {
  schema_migrations: { id: string; fingerprint: string; applied_at: bigint };
}

type Applied = MigrationTables['schema_migrations'];

interface MigrateOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly service: string;
  readonly migrations: readonly Migration[];
}

/**
 * Brings the service's tables to the newest of `migrations`. Each runs in an exclusive transaction
 * that looks again what is applied: of several processes one runs it, the others find it done.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { engine, clock, migrations } = options;
  assertOrdered(migrations);
  const prints = new Map<string, string>();
  for (const migration of migrations) {
    prints.set(migration.id, await fingerprint(migration, engine.technology));
  }
  const step = (tx: Transaction<MigrationTables>): Promise<boolean> =>
    applyNext(tx, { ...options, prints });
  let more = true;
  while (more) {
    more = await engine.exclusive((execute) =>
      runWork({ engine, execute, clock, msMax: MIGRATION_MS_MAX }, step),
    );
  }
}

/** Runs the first migration that is not applied yet; false when there is none. */
async function applyNext(
  tx: Transaction<MigrationTables>,
  options: MigrateOptions & { readonly prints: ReadonlyMap<string, string> },
): Promise<boolean> {
  const { engine, clock, service, migrations, prints } = options;
  await tx.schema
    .createTable('schema_migrations')
    .ifNotExists()
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute();
  const applied = await tx.selectFrom('schema_migrations').selectAll().orderBy('id').execute();
  for (const [index, row] of applied.entries()) {
    checkApplied(row, migrations[index], { service, prints });
  }
  const next = migrations[applied.length];
  if (!next) return false;
  try {
    await next.up(tx as unknown as Transaction<unknown>, engine.technology);
  } catch (cause) {
    const reason = messageOf(cause);
    throw refusal(`migration ${next.id} of ${service} failed: ${reason}`, { cause });
  }
  await tx
    .insertInto('schema_migrations')
    .values({ id: next.id, fingerprint: prints.get(next.id)!, applied_at: clock.nowMicros() })
    .execute();
  return true;
}

function checkApplied(
  row: Applied,
  known: Migration | undefined,
  { service, prints }: { service: string; prints: ReadonlyMap<string, string> },
): void {
  if (!prints.has(row.id)) {
    throw refusal(`the tables of ${service} have migration ${row.id}, which this version lacks`, {
      hint: 'A newer version wrote these tables: start that one, or restore a backup from before.',
    });
  }
  if (known?.id !== row.id) {
    throw refusal(
      `migration ${known?.id} of ${service} stands before ${row.id}, which is applied`,
      {
        hint: 'Give a new migration an id that sorts after all others.',
      },
    );
  }
  if (prints.get(row.id) !== row.fingerprint) {
    throw refusal(`migration ${row.id} of ${service} was changed after it was applied`, {
      hint: 'Put it back as it was, and write a new migration for the change.',
    });
  }
}

function refusal(message: string, options: { hint?: string; cause?: unknown }): AppError {
  return new AppError('INTERNAL', message, { ...options, retry: 'never' });
}

function assertOrdered(migrations: readonly Migration[]): void {
  migrations.forEach((migration, index) => {
    const before = migrations[index - 1];
    assert(
      !before || before.id < migration.id,
      `migration ${migration.id} sorts after ${before?.id}`,
    );
  });
}

/**
 * A hash of the statements that the migration makes on empty tables. Compiled by the library's
 * plain compilers, and without case, quotes and spacing, so that it changes only when the migration
 * does.
 */
export async function fingerprint(migration: Migration, technology: Technology): Promise<string> {
  const hash = createHash('sha256');
  const recorder: DatabaseConnection = {
    executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      hash.update(`${query.sql.toLowerCase().replaceAll(/["\s]+/g, ' ')}\n`);
      for (const parameter of query.parameters) hash.update(`${String(parameter)}\n`);
      return Promise.resolve({ rows: [], numAffectedRows: 0n });
    },
    streamQuery: () => assert(false, 'a migration does not stream') as never,
  };
  try {
    await migration.up(
      transactionOn<unknown>({ dialect: plainDialect(technology) }, recorder),
      technology,
    );
  } catch {
    // It reads rows that empty tables do not have: what it did up to there is what it is known by.
    hash.update('stopped');
  }
  return hash.digest('hex').slice(0, 32);
}

function plainDialect(technology: Technology): Dialect {
  const unused = (): never => assert(false, 'a fingerprint needs no database') as never;
  return technology === 'sqlite'
    ? new SqliteDialect({ database: unused })
    : new PostgresDialect({ pool: unused });
}
