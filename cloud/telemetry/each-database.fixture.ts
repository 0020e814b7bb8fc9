import type { Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { afterEach, beforeEach, describe } from 'vitest';
import { DATABASES, TestConsumer, TestDatabase } from './databases.fixture.ts';
import type { TelemetryTables } from './store/tables.ts';

export interface OpenDatabase {
  readonly database: TestDatabase;
  readonly sql: Sql<TelemetryTables>;
  readonly consumer: TestConsumer;
}

/** The suite on each database that is there. */
export function onEachDatabase(subject: string, suite: (technology: Technology) => void): void {
  for (const { technology, title, skip } of DATABASES)
    describe.skipIf(skip)(`${subject} ${title}`, () => suite(technology));
}

/** Gives each test a database of its own, which is gone after it. */
export function databaseForEach(
  technology: Technology,
  take: (opened: OpenDatabase) => void,
): void {
  let database: TestDatabase;
  beforeEach(async () => {
    database = new TestDatabase(technology);
    const sql = await database.open();
    take({ database, sql, consumer: new TestConsumer(sql) });
  });
  afterEach(() => database.dispose());
}
