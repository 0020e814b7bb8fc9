import type { OpenSql, OpenSqlOptions, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import type { EventLog } from '../../../cloud/platform/event-log/event-log.ts';
import type { TelemetryTables } from '../../../cloud/telemetry/store/tables.ts';
import type { Decoration } from '../../../cloud/wiring/ports.ts';
import { overlay } from './overlay.ts';
import type { Plant } from './plants.ts';

const APPEND_DELAY_MS = 400;
const POSITION_DELAY_MS = 50;

/** The cloud's ports with one bug. */
export function plantInCloud(plant: Plant, runtime: Runtime): Decoration {
  if (plant === 'acknowledge-before-append') {
    return { eventLog: (log) => appendLater(log, runtime) };
  }
  if (plant === 'position-outside-transaction') {
    return { sql: (open) => positionLater(open, runtime) };
  }
  return {};
}

function appendLater(log: EventLog, { clock }: Runtime): EventLog {
  return overlay(log, {
    async append(topic, records) {
      clock.after(APPEND_DELAY_MS, () => void log.append(topic, records));
      return records.map(({ key }) => ({ partition: log.partitionOf(topic, key), offset: 0n }));
    },
  });
}

function positionLater(open: OpenSql, runtime: Runtime): OpenSql {
  return (async (options: OpenSqlOptions) => {
    const sql = await open(options);
    if (options.service !== 'telemetry') return sql;
    return splitTransactions(sql as Sql<TelemetryTables>, runtime);
  }) as OpenSql;
}

type Stream = TelemetryTables['streams'];

/** Runs each transaction without the positions that it moves, and moves them in a second one. */
function splitTransactions(
  sql: Sql<TelemetryTables>,
  { steps, clock }: Runtime,
): Sql<TelemetryTables> {
  return overlay(sql, {
    async transaction(work) {
      let moved: Stream[] = [];
      const result = await sql.transaction((tx) => {
        moved = [];
        return work(withoutPositions(tx, (rows) => moved.push(...rows)));
      });
      if (moved.length === 0) return result;
      steps.reach('planted.position.before-commit');
      await clock.sleep(POSITION_DELAY_MS);
      await sql.transaction(async (tx) => {
        for (const { contiguous, ranges, ...row } of moved) {
          await tx
            .updateTable('streams')
            .set({ contiguous, ranges })
            .where('gateway_id', '=', row.gateway_id)
            .where('incarnation', '=', row.incarnation)
            .where('lane', '=', row.lane)
            .execute();
        }
      });
      return result;
    },
  });
}

function withoutPositions(
  tx: Transaction<TelemetryTables>,
  note: (rows: Stream[]) => void,
): Transaction<TelemetryTables> {
  const streams = {
    values(rows: Stream[]) {
      note(rows);
      const unmoved = rows.map((row) => ({ ...row, contiguous: 0n, ranges: '[]' }));
      const insert = tx.insertInto('streams').values(unmoved as never);
      return {
        onConflict: () =>
          insert.onConflict((conflict) =>
            conflict
              .columns(['tenant', 'gateway_id', 'incarnation', 'lane'])
              .doUpdateSet((row) => ({ last_event_at: row.ref('excluded.last_event_at') })),
          ),
      };
    },
  };
  return new Proxy(tx, {
    get(_, name) {
      if (name === 'insertInto') {
        return (table: 'streams') => (table === 'streams' ? streams : tx.insertInto(table));
      }
      const value: unknown = Reflect.get(tx, name, tx);
      return typeof value === 'function' ? value.bind(tx) : value;
    },
  });
}
