import {
  CompiledQuery,
  type Dialect,
  DummyDriver,
  PostgresAdapter,
  PostgresIntrospector,
} from 'kysely';
import pg from 'pg';
import { AppError } from '../../lib/app-error.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { PostgresCompiler } from './column-types.ts';
import type { Body, Engine, Execute } from './engine.ts';
import { openHandle } from './handle.ts';
import { MIGRATION_MS_MAX } from './migrate.ts';
import { postgresFailure, prepareSession } from './session.postgres.ts';
import { type OpenSql, TRANSACTION_MS_MAX } from './sql.ts';
import { StatementNames } from './statement-names.postgres.ts';
import { PipelinedTransaction } from './transaction.postgres.ts';

const POOL_MAX = 5;
const CONNECT_TIMEOUT_MS = 5_000;
/** How much later than the server the client gives up: then the connection is broken. */
const ANSWER_GRACE_MS = 2_000;
/** Many that work side by side meet often, each time by chance: about 1.5 s of pauses in all. */
const RETRIES_MAX = 12;
const RETRY_DELAY_MS_MAX = 200;

export interface PostgresSqlOptions {
  /** `postgres://user:password@host:port/database`. The schemas of the services are made in it. */
  readonly url: string;
  readonly rt: Pick<Runtime, 'clock' | 'random' | 'log' | 'steps'>;
  /** Connections per service. */
  readonly poolMax?: number;
  readonly connectTimeoutMs?: number;
  readonly transactionMsMax?: number;
}

/** A schema and a pool of connections per service. */
export function openPostgresSql(options: PostgresSqlOptions): OpenSql {
  const { rt, transactionMsMax = TRANSACTION_MS_MAX } = options;
  return (service) =>
    openHandle(() => openEngine(service.service, { ...options, transactionMsMax }), service, {
      clock: rt.clock,
      transactionMsMax,
    });
}

const dialect: Dialect = {
  createDriver: () => new DummyDriver(),
  createQueryCompiler: () => new PostgresCompiler(),
  createAdapter: () => new PostgresAdapter(),
  createIntrospector: (db) => new PostgresIntrospector(db),
};

type EngineOptions = PostgresSqlOptions & { readonly transactionMsMax: number };

/** How a transaction begins and ends, and how long one of its statements may take. */
interface Mode {
  readonly begin: string;
  /** What it does before its body. */
  readonly first?: readonly string[];
  readonly statementMsMax: number;
  readonly names?: StatementNames;
  /** Nothing can be lost at its end, so nobody waits for it. */
  readonly readOnly?: boolean;
}

async function openEngine(service: string, options: EngineOptions): Promise<Engine> {
  const { rt, transactionMsMax: statementMsMax } = options;
  const names = new StatementNames();
  const pool = openPool(service, options);
  const database: Database = { pool, rt, names, generations: new WeakMap() };
  const write: Mode = { begin: BEGIN_WRITE, statementMsMax, names };
  const read: Mode = { begin: BEGIN_READ, statementMsMax, names, readOnly: true };
  try {
    await transact(database, EXCLUSIVE, (execute) => makeSchema(service, execute));
  } catch (cause) {
    await pool.end();
    throw cause;
  }
  return {
    technology: 'postgres',
    dialect,
    transaction: (body) => retryContention(rt, () => transact(database, write, body)),
    exclusive: (body) => retryContention(rt, () => transact(database, EXCLUSIVE, body)),
    read: (body) => retryContention(rt, () => transact(database, read, body)),
    close: () => pool.end(),
  };
}

interface Database {
  readonly pool: pg.Pool;
  readonly rt: PostgresSqlOptions['rt'];
  readonly names: StatementNames;
  /** Of the names, when a connection was first used. */
  readonly generations: WeakMap<pg.PoolClient, number>;
}

/** `READ WRITE` is asked for, since a session's default is read only. */
const BEGIN_WRITE = 'BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE';
const BEGIN_READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/**
 * The lock is asked for in READ COMMITTED: a serializable transaction would take its snapshot
 * before it waits, and would not see what the process before it did.
 */
const EXCLUSIVE: Mode = {
  begin: 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
  first: [
    `SET LOCAL statement_timeout = ${MIGRATION_MS_MAX}`,
    // A migration may well read all of a table.
    'SET LOCAL enable_seqscan = on',
    `SELECT pg_advisory_xact_lock(
       hashtextextended('holdfast ' || current_setting('search_path'), 0))`,
  ],
  statementMsMax: MIGRATION_MS_MAX,
};

async function makeSchema(service: string, execute: Execute): Promise<void> {
  const found = await execute(
    CompiledQuery.raw('SELECT 1 FROM pg_namespace WHERE nspname = $1', [service]),
  );
  // Asked first, because `if not exists` needs the right to create even when the schema is there.
  if (found.rows.length === 0) await execute(CompiledQuery.raw(`CREATE SCHEMA "${service}"`));
}

async function retryContention<T>(
  { clock, random }: PostgresSqlOptions['rt'],
  attempt: () => Promise<T>,
): Promise<T> {
  for (let retry = 1; ; retry += 1) {
    try {
      return await attempt();
    } catch (cause) {
      const contended = cause instanceof AppError && cause.code === 'SQL_CONTENTION';
      if (!contended) throw cause;
      if (retry > RETRIES_MAX) {
        throw new AppError('SQL_CONTENTION', `a transaction was retried ${RETRIES_MAX} times`, {
          cause,
          operatorOnly: true,
        });
      }
    }
    // Drawn, so that two that met do not meet again.
    await clock.sleep(random.fraction() * Math.min(5 * 2 ** retry, RETRY_DELAY_MS_MAX));
  }
}

async function transact<T>(database: Database, mode: Mode, body: Body<T>): Promise<T> {
  const { pool, rt } = database;
  const client = await connect(pool);
  const lease = leaseOf(client, database, mode);
  const transaction = new PipelinedTransaction(client, mode);
  const execute: Execute = (query) => transaction.execute(query);
  try {
    for (const sql of mode.first ?? []) await execute(CompiledQuery.raw(sql));
    const value = await body(execute);
    if (mode.readOnly && !transaction.failed) {
      lease.endBehind(transaction.commit());
      return value;
    }
    rt.steps.reach('sql.commit');
    await transaction.commit();
    rt.steps.reach('sql.committed');
    lease.end({ healthy: true });
    return value;
  } catch (error) {
    lease.end({ healthy: await rolledBack(transaction, error) });
    throw error;
  }
}

/** The use of a connection for one transaction. */
interface Lease {
  /** Gives the connection back, or closes it, and the server rolls back. */
  end(outcome: { readonly healthy: boolean }): void;
  /** Gives it back before it is free: what the next one sends queues behind this commit. */
  endBehind(commit: Promise<void>): void;
}

function leaseOf(client: pg.PoolClient, database: Database, mode: Mode): Lease {
  const { rt, names, generations } = database;
  const generation = generations.get(client) ?? names.generation;
  generations.set(client, generation);
  const close = (): void => void client.connection.stream.destroy();
  const release = (): void => client.release(generation !== names.generation);
  // The body's deadline comes first; this one is for a server that went silent.
  const silentMsMax = 2 * mode.statementMsMax + ANSWER_GRACE_MS;
  const timer = rt.clock.after(silentMsMax, close, { keepAlive: true });
  return {
    end({ healthy }) {
      timer.cancel();
      if (healthy) return release();
      // Not left to the driver: it would wait for the answers of what it sent.
      close();
      client.release(true);
    },
    endBehind(commit) {
      release();
      const answered = (): void => timer.cancel();
      commit.then(answered, (err: unknown) => {
        answered();
        close();
        rt.log.warn({ err }, 'a read did not end well; its connection was closed');
      });
    },
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw postgresFailure(cause);
  }
}

/** True when the connection can be used again. */
async function rolledBack(transaction: PipelinedTransaction, error: unknown): Promise<boolean> {
  const silent =
    error instanceof AppError && ['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code);
  if (silent) return false;
  try {
    await transaction.rollback();
    return true;
  } catch {
    // The caller gets the first error, which says more than this one.
    return false;
  }
}

function openPool(service: string, options: EngineOptions): pg.Pool {
  const { url, rt, transactionMsMax, poolMax, connectTimeoutMs } = options;
  const query_timeout = transactionMsMax + ANSWER_GRACE_MS;
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `holdfast ${service}`,
    max: poolMax ?? POOL_MAX,
    connectionTimeoutMillis: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    pipeline: true,
    keepAlive: true,
    types: { getTypeParser: typeParser },
    onConnect: (client) => {
      // A connection that breaks in use says so here too; its statement rejects, and that is
      // enough.
      client.on('error', () => undefined);
      const query = (text: string) =>
        client.query<Record<string, unknown>>({ text, query_timeout } as WithTimeout);
      return prepareSession({ query }, { schema: service, transactionMsMax });
    },
  });
  // One that broke while nobody used it: the pool dropped it already and makes another when asked.
  pool.on('error', (err) => rt.log.warn({ err, service }, 'an idle database connection broke'));
  return pool;
}

/** Known to the driver, not to its types. */
type WithTimeout = pg.QueryConfig & { query_timeout: number };

/** By type id: how values look like on SQLite. Sums of 64-bit integers are `numeric` here. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (bool) => (bool === 't' ? 1n : 0n),
  20: BigInt,
  21: BigInt,
  23: BigInt,
  26: BigInt,
  700: Number,
  701: Number,
  1700: (numeric) => (/^-?\d+$/.test(numeric) ? BigInt(numeric) : Number(numeric)),
};

const typeParser = ((id: number, format?: 'text' | 'binary') =>
  (format !== 'binary' && PARSERS[id]) ||
  pg.types.getTypeParser(id, format)) as typeof pg.types.getTypeParser;
