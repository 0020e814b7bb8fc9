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

const POOL_MAX = 5;
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * How much later than the server the client gives up on a statement: then the connection is broken.
 */
const ANSWER_GRACE_MS = 2_000;
const RETRIES_MAX = 5;
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

/** How a transaction begins, and how long one of its statements may take. */
interface Mode {
  readonly begin: readonly string[];
  readonly statementMsMax: number;
}

async function openEngine(service: string, options: EngineOptions): Promise<Engine> {
  const { rt, transactionMsMax: statementMsMax } = options;
  const pool = openPool(service, options);
  const write: Mode = { begin: ['BEGIN ISOLATION LEVEL SERIALIZABLE'], statementMsMax };
  const read: Mode = { begin: ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'], statementMsMax };
  try {
    await transact({ pool, rt }, EXCLUSIVE, (execute) => makeSchema(service, execute));
  } catch (cause) {
    await pool.end();
    throw cause;
  }
  return {
    technology: 'postgres',
    dialect,
    transaction: (body) => retryContention(rt, () => transact({ pool, rt }, write, body)),
    exclusive: (body) => retryContention(rt, () => transact({ pool, rt }, EXCLUSIVE, body)),
    read: (body) => transact({ pool, rt }, read, body),
    close: () => pool.end(),
  };
}

/**
 * The lock is asked for in READ COMMITTED: a serializable transaction would take its snapshot
 * before it waits, and would not see what the process before it did.
 */
const EXCLUSIVE: Mode = {
  begin: [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL statement_timeout = ${MIGRATION_MS_MAX}`,
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
        });
      }
    }
    // Drawn, so that two that met do not meet again.
    await clock.sleep(random.fraction() * Math.min(5 * 2 ** retry, RETRY_DELAY_MS_MAX));
  }
}

async function transact<T>(
  { pool, rt }: { pool: pg.Pool; rt: PostgresSqlOptions['rt'] },
  { begin, statementMsMax }: Mode,
  body: Body<T>,
): Promise<T> {
  const client = await connect(pool);
  const execute = statements(client, statementMsMax + ANSWER_GRACE_MS);
  let healthy = false;
  try {
    for (const sql of begin) await execute(CompiledQuery.raw(sql));
    const value = await body(execute);
    rt.steps.reach('sql.commit');
    await commit(client);
    rt.steps.reach('sql.committed');
    healthy = true;
    return value;
  } catch (error) {
    healthy = await rolledBack(client, error);
    throw error;
  } finally {
    client.release(!healthy);
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw postgresFailure(cause);
  }
}

async function commit(client: pg.PoolClient): Promise<void> {
  let command: string;
  try {
    command = (await client.query('COMMIT')).command;
  } catch (cause) {
    throw postgresFailure(cause);
  }
  // The server answers so when a statement failed that nobody awaited.
  if (command === 'ROLLBACK') {
    throw new AppError('INTERNAL', 'a failed statement had ended the transaction', {
      retry: 'never',
    });
  }
}

/** True when the connection can be used again. When not it is closed, and the server rolls back. */
async function rolledBack(client: pg.PoolClient, error: unknown): Promise<boolean> {
  const silent =
    error instanceof AppError && ['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code);
  if (silent) return false;
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    // The caller gets the first error, which says more than this one.
    return false;
  }
}

function statements(client: pg.PoolClient, answerMsMax: number): Execute {
  return async ({ sql, parameters }) => {
    const query: pg.QueryConfig & { query_timeout: number } = {
      text: sql,
      values: [...parameters],
      query_timeout: answerMsMax,
    };
    try {
      const { command, rowCount, rows } = await client.query(query);
      const changed = CHANGING.has(command) ? { numAffectedRows: BigInt(rowCount ?? 0) } : {};
      return { rows: rows ?? [], ...changed };
    } catch (cause) {
      throw postgresFailure(cause);
    }
  };
}

const CHANGING = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

function openPool(service: string, options: EngineOptions): pg.Pool {
  const { url, rt, transactionMsMax, poolMax, connectTimeoutMs } = options;
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `holdfast ${service}`,
    max: poolMax ?? POOL_MAX,
    connectionTimeoutMillis: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    query_timeout: transactionMsMax + ANSWER_GRACE_MS,
    keepAlive: true,
    types: { getTypeParser: typeParser },
    onConnect: (client) => {
      // A connection that breaks in use says so here too; its statement rejects, and that is
      // enough.
      client.on('error', () => undefined);
      return prepareSession(client, { schema: service, transactionMsMax });
    },
  });
  // One that broke while nobody used it: the pool dropped it already and makes another when asked.
  pool.on('error', (err) => rt.log.warn({ err, service }, 'an idle database connection broke'));
  return pool;
}

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
