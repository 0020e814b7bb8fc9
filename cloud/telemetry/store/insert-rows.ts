import { assert } from '@holdfast/shared/lib/assert.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { CompiledQuery, type Transaction } from 'kysely';
import type { BlockRows, LatestRow, PartRow, Unplaced } from './block-rows.ts';
import type { TelemetryTables } from './tables.ts';

/** The ids of what is new, by name. */
export interface Places {
  readonly series: ReadonlyMap<string, bigint>;
  readonly streams: ReadonlyMap<string, bigint>;
}

type Placed<Row> = Row & { readonly series_id: bigint; readonly stream_id: bigint };

/** Stores parts, and each series' latest reading where it is later than the one that is there. */
export async function insertRows(
  tx: Transaction<TelemetryTables>,
  technology: Technology,
  { rows, places }: { readonly rows: BlockRows; readonly places: Places },
): Promise<void> {
  await insertAll(tx, PARTS[technology], placed(rows.parts, places));
  await insertAll(tx, LATEST[technology], placed(rows.latest, places));
}

interface Insert<Column extends string> {
  readonly columns: readonly Column[];
  /** The statement for so many rows. */
  statement(rows: number): string;
}

/**
 * Their texts are written once for each number of rows, of which `rowBatches` has nine: to compose
 * and compile one with a query builder costs several times what the database does for its rows.
 */
function insertOf<Column extends string>(
  into: string,
  columns: readonly Column[],
  { technology, conflict = '' }: { readonly technology: Technology; readonly conflict?: string },
): Insert<Column> {
  const names = columns.map((column) => `"${column}"`).join(', ');
  const known = new Map<number, string>();
  const sign = (index: number): string => (technology === 'postgres' ? `$${index + 1}` : '?');
  const tuple = (row: number): string =>
    `(${columns.map((_, column) => sign(row * columns.length + column)).join(', ')})`;
  const compose = (rows: number): string => {
    const tuples = Array.from({ length: rows }, (_, row) => tuple(row)).join(', ');
    return `insert into "${into}" (${names}) values ${tuples} ${conflict}`;
  };
  return {
    columns,
    statement(rows) {
      const statement = known.get(rows) ?? compose(rows);
      known.set(rows, statement);
      return statement;
    },
  };
}

const PART_COLUMNS = [
  'series_id',
  'hour',
  'stream_id',
  'folded',
  'first_time',
  'last_time',
  'first_sequence',
  'last_sequence',
  'reading_count',
  'stored_at',
  'body',
] as const satisfies readonly (keyof Placed<PartRow>)[];
const LATEST_COLUMNS = [
  'series_id',
  'stream_id',
  'sequence',
  'time',
  'received_at',
  'flags',
  'value',
  'body',
] as const satisfies readonly (keyof Placed<LatestRow>)[];
const KEEP_LATER = `on conflict ("series_id", "stream_id") do update set ${LATEST_COLUMNS.slice(2)
  .map((column) => `"${column}" = excluded."${column}"`)
  .join(', ')} where excluded."sequence" > "latest"."sequence"`;

const PARTS = {
  sqlite: insertOf('parts', PART_COLUMNS, { technology: 'sqlite' }),
  postgres: insertOf('parts', PART_COLUMNS, { technology: 'postgres' }),
} as const;
const LATEST = {
  sqlite: insertOf('latest', LATEST_COLUMNS, { technology: 'sqlite', conflict: KEEP_LATER }),
  postgres: insertOf('latest', LATEST_COLUMNS, { technology: 'postgres', conflict: KEEP_LATER }),
} as const;

async function insertAll<Column extends string>(
  tx: Transaction<TelemetryTables>,
  { columns, statement }: Insert<Column>,
  rows: readonly { readonly [C in Column]?: unknown }[],
): Promise<void> {
  for (const some of rowBatches(rows)) {
    const parameters: unknown[] = [];
    for (const row of some) for (const column of columns) parameters.push(row[column]);
    await tx.executeQuery(CompiledQuery.raw(statement(some.length), parameters));
  }
}

/**
 * In the order of their ids, so that two transactions that touch the same rows do not wait for each
 * other crosswise.
 */
function placed<Row extends object>(
  rows: readonly Unplaced<Row>[],
  { series, streams }: Places,
): Placed<Row>[] {
  const known = rows.map(({ series: name, stream, row }) => {
    const seriesId = series.get(name);
    const streamId = streams.get(stream);
    assert(seriesId !== undefined && streamId !== undefined, 'a row has its series and stream');
    return { ...row, series_id: seriesId, stream_id: streamId };
  });
  return known.sort((a, b) => Number(a.series_id - b.series_id));
}
