import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { TelemetryTables } from './tables.ts';

export interface LogPositionAfter {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
}

/** Notes how far the log is applied; in the transaction of the effects. */
export async function noteLogPositions(
  tx: Transaction<TelemetryTables>,
  positions: readonly LogPositionAfter[],
): Promise<void> {
  if (positions.length === 0) return;
  await tx
    .insertInto('log_positions')
    .values(
      positions.map(({ topic, partition, nextOffset }) => ({
        topic,
        log_partition: BigInt(partition),
        next_offset: nextOffset,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['topic', 'log_partition'])
        .doUpdateSet((row) => ({ next_offset: row.ref('excluded.next_offset') })),
    )
    .execute();
}

/** The offset after the last applied event, by partition. */
export async function logPositions(
  sql: Sql<TelemetryTables>,
  topic: string,
): Promise<ReadonlyMap<number, bigint>> {
  const rows = await sql.read((db) =>
    db
      .selectFrom('log_positions')
      .select(['log_partition', 'next_offset'])
      .where('topic', '=', topic)
      .execute(),
  );
  return new Map(rows.map((row) => [Number(row.log_partition), row.next_offset]));
}
