import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { Migration, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import {
  type IdempotencyTables,
  type IdempotentRequest,
  idempotencyMigration,
} from './idempotency.ts';

/** A service with one kind of effect, of which nothing is unique: one that happens twice shows. */
export interface CaseTables extends IdempotencyTables {
  effects: { key: string; by: string };
}

const MIGRATIONS: readonly Migration[] = [
  idempotencyMigration('0001-idempotency'),
  {
    id: '0002-effects',
    async up(tx) {
      await tx.schema
        .createTable('effects')
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .execute();
    },
  },
];

const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];
export const TECHNOLOGIES: readonly Technology[] = POSTGRES_URL
  ? ['sqlite', 'postgres']
  : ['sqlite'];

/** Where the tables of one test are; another process finds them by it. */
export interface Place {
  readonly technology: Technology;
  readonly dir: string;
  readonly service: string;
}

export function placeOn(technology: Technology): Place {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-idempotency-'));
  return { technology, dir, service: `once-${randomBytes(6).toString('hex')}` };
}

export function openPlace(place: Place, rt: Runtime): Promise<Sql<CaseTables>> {
  const { technology, dir, service } = place;
  const open =
    technology === 'sqlite'
      ? openSqliteSql({ dir, rt })
      : openPostgresSql({ url: POSTGRES_URL!, rt });
  return open<CaseTables>({ service, migrations: MIGRATIONS });
}

export async function dispose({ technology, dir, service }: Place, sql: Sql<CaseTables>) {
  if (technology === 'postgres') {
    await sql.transaction((tx) => raw`drop schema ${raw.id(service)} cascade`.execute(tx));
  }
  await sql.close();
  rmSync(dir, { recursive: true, force: true });
}

export function requestOf(key: string, changes: Partial<IdempotentRequest> = {}) {
  const principal = { subject: 'usr_1', tenant: 'dev', sites: [], roles: ['customer' as const] };
  return { principal, route: 'POST /v1/orders', key, fingerprint: 'f', ...changes };
}
