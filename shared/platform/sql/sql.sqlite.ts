import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  type CompiledQuery,
  type Dialect,
  DummyDriver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
} from 'kysely';
import type { Runtime } from '../../runtime/runtime.ts';
import {
  type Database,
  isBusy,
  type OpenSqliteFileOptions,
  openLogSync,
  openSqliteFile,
  sqliteFailure,
} from '../../runtime/sqlite.ts';
import { SqliteCompiler } from './column-types.ts';
import type { Body, Engine, Execute } from './engine.ts';
import { FairReading } from './fair-reading.sqlite.ts';
import { GroupCommit, type Seat } from './group-commit.sqlite.ts';
import { openHandle } from './handle.ts';
import { ReaderPool } from './reader-pool.sqlite.ts';
import { SharedSync } from './shared-sync.sqlite.ts';
import type { OpenSql } from './sql.ts';

type Statement = ReturnType<Database['prepare']>;

/**
 * Prepared statements that a connection keeps; a query's text is made anew each time, its plan is
 * not.
 */
const STATEMENTS_MAX = 256;

export interface SqliteSqlOptions {
  /**
   * Holds one file per service: `<service>.sqlite`. May be shared by the processes of one machine.
   */
  readonly dir: string;
  readonly rt: Pick<Runtime, 'clock' | 'random' | 'steps'>;
  readonly transactionMsMax?: number;
  /** What makes commits durable; a test puts a disk of its own here. */
  readonly openSync?: typeof openLogSync;
}

/** One writer whose transactions share syncs, and read connections beside it. */
export function openSqliteSql(options: SqliteSqlOptions): OpenSql {
  const { clock } = options.rt;
  return (service) =>
    openHandle(
      async () => openEngine(join(options.dir, `${service.service}.sqlite`), options),
      service,
      { clock, ...(options.transactionMsMax && { transactionMsMax: options.transactionMsMax }) },
    );
}

const dialect: Dialect = {
  createDriver: () => new DummyDriver(),
  createQueryCompiler: () => new SqliteCompiler(),
  createAdapter: () => new SqliteAdapter(),
  createIntrospector: (db) => new SqliteIntrospector(db),
};

function openEngine(path: string, options: SqliteSqlOptions): Engine {
  const { rt, openSync = openLogSync } = options;
  const writer = open(path, { syncs: 'caller' });
  // The group waits for another process's lock by itself, without blocking the event loop.
  writer.pragma('busy_timeout = 0');
  const write = statements(writer);
  const readers = new ReaderPool(() => open(path, { readonly: true }), rt.clock);
  const reading = new WeakMap<Database, Execute>();
  const fair = new FairReading(rt.clock);
  // Prepared once: it is asked with each read.
  const dataVersion = writer.prepare('pragma data_version').pluck();
  const sync = new SharedSync(openSync(writer), rt.clock);
  const group = new GroupCommit({
    database: writer,
    sync,
    clock: rt.clock,
    random: rt.random,
    steps: rt.steps,
    nextTurn: () => setImmediate(),
  });
  let known: bigint | undefined;
  /** A power cut must not take back what a reader was shown, whoever committed it. */
  const seenIsDurable = async (): Promise<void> => {
    const version = commitsOfOthers(dataVersion);
    if (version !== undefined && version === known) return group.durable();
    await sync.join();
    known = version;
  };
  return {
    technology: 'sqlite',
    dialect,
    transaction: (body) => transact(group, write, { body, alone: false }),
    exclusive: (body) => transact(group, write, { body, alone: true }),
    async read(body) {
      await fair.turn();
      const result = await readers.read((database) => {
        const read = reading.get(database) ?? fair.timed(statements(database));
        reading.set(database, read);
        return body(read);
      });
      await seenIsDurable();
      return result;
    },
    async close() {
      readers.close();
      sync.close();
      writer.close();
    },
  };
}

/** Changes with each commit by another process; undefined when one is just changing the file. */
function commitsOfOthers(dataVersion: { get(): unknown }): bigint | undefined {
  try {
    return dataVersion.get() as bigint;
  } catch (cause) {
    if (isBusy(cause)) return undefined;
    throw sqliteFailure(cause);
  }
}

async function transact<T>(
  group: GroupCommit,
  execute: Execute,
  { body, alone }: { body: Body<T>; alone: boolean },
): Promise<T> {
  const seat: Seat = await group.enter({ alone });
  let outcome: { value: T } | { error: unknown };
  try {
    outcome = { value: await body(execute) };
  } catch (error) {
    outcome = { error };
  }
  const end = await seat.leave('value' in outcome ? 'keep' : 'undo');
  // Alone the second time: whoever spoilt the group then fails by itself.
  if (end === 'again') return transact(group, execute, { body, alone: true });
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

function open(path: string, options: OpenSqliteFileOptions): Database {
  const database = openSqliteFile(path, options);
  database.defaultSafeIntegers(true);
  // As PostgreSQL does; SQLite's own `like` takes "a" for "A".
  database.pragma('case_sensitive_like = ON');
  return database;
}

function statements(database: Database): Execute {
  const prepared = new Map<string, Statement>();
  const prepare = (sql: string): Statement => {
    const statement = prepared.get(sql) ?? database.prepare(sql);
    // Deleted and set again, so that the first key is the one unused for longest.
    prepared.delete(sql);
    prepared.set(sql, statement);
    if (prepared.size > STATEMENTS_MAX) prepared.delete(prepared.keys().next().value!);
    return statement;
  };
  const run = ({ sql, parameters }: CompiledQuery): QueryResult<unknown> => {
    const statement = prepare(sql);
    if (statement.reader) return { rows: statement.all(parameters) };
    const { changes, lastInsertRowid } = statement.run(parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  };
  return async (query) => {
    try {
      return run(query);
    } catch (cause) {
      throw sqliteFailure(cause);
    }
  };
}
