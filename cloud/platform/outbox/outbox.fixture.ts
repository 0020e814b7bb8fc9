import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { Migration, OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { ColumnDefinitionBuilder, Generated, Transaction } from 'kysely';
import { type InboxEvent, type InboxTables, inboxMigration } from './inbox.ts';
import { createOutbox, type OutboxEvent, type OutboxTables, outboxMigration } from './outbox.ts';

/** A service that publishes, and one that consumes; here they share their tables. */
export interface CaseTables extends OutboxTables, InboxTables {
  /** One row for each time that an event took effect. */
  effects: { id: Generated<bigint>; subject: string; sequence: bigint };
}

const required = (column: ColumnDefinitionBuilder) => column.notNull();

export const MIGRATIONS: readonly Migration[] = [
  outboxMigration('0001-outbox'),
  inboxMigration('0002-inbox'),
  {
    id: '0003-effects',
    async up(tx, technology) {
      // Nothing of an effect is unique: one that happens twice must show.
      await tx.schema
        .createTable('effects')
        .addColumn('id', 'bigint', (column) =>
          technology === 'postgres'
            ? column.generatedAlwaysAsIdentity().primaryKey()
            : column.primaryKey().autoIncrement(),
        )
        .addColumn('subject', 'text', required)
        .addColumn('sequence', 'bigint', required)
        .execute();
    },
  },
];

export interface Database {
  readonly technology: Technology;
  readonly dir: string;
  readonly url: string;
  readonly service: string;
}

export function openTables(database: Database, rt: Runtime): Promise<Sql<CaseTables>> {
  const { technology, dir, url, service } = database;
  const open: OpenSql =
    technology === 'sqlite' ? openSqliteSql({ dir, rt }) : openPostgresSql({ url, rt });
  return open<CaseTables>({ service, migrations: MIGRATIONS });
}

type Sample = OutboxEvent<'gateway.disconnected.v1'>;

export function sampleEvent(subject: string, changed: Partial<Sample> = {}): Sample {
  const data = { gatewayId: subject, site: 'site-1', incarnation: 'i1', reason: 'lost' } as const;
  return { type: 'gateway.disconnected.v1', subject, tenant: 'dev', data, ...changed };
}

export function caseOutbox(runtime: Runtime) {
  return createOutbox({ source: 'edge-link', region: 'local', runtime });
}

/** The effect: reads nothing, so that on PostgreSQL no two of them conflict. */
export async function noteEffect(
  tx: Transaction<CaseTables>,
  { envelope }: InboxEvent,
): Promise<void> {
  const { subject, sequence } = envelope;
  await tx
    .insertInto('effects')
    .values({ subject, sequence: BigInt(sequence) })
    .execute();
}

/** The sequences that took effect, in their order, by subject. */
export async function effectsOf(sql: Sql<CaseTables>): Promise<Map<string, number[]>> {
  const rows = await sql.read((db) =>
    db.selectFrom('effects').select(['subject', 'sequence']).orderBy('id').execute(),
  );
  const effects = new Map<string, number[]>();
  for (const { subject, sequence } of rows) {
    effects.set(subject, [...(effects.get(subject) ?? []), Number(sequence)]);
  }
  return effects;
}
