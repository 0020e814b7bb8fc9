import { AppError } from '../../lib/app-error.ts';

interface Connection {
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
}

export interface SessionOptions {
  readonly schema: string;
  readonly transactionMsMax: number;
}

/**
 * How much later than the handle the server ends an idle transaction of a client that went silent.
 */
const IDLE_GRACE_MS = 5_000;

/**
 * A prepared statement keeps a plan that was made while its table was small, where reading all of
 * it is cheapest; it has to be right for a large one, too. In a serializable transaction such a
 * scan also conflicts with every writer of the table. Where no index fits, the scan's price must
 * not make the server compile the plan.
 */
const PLANS = 'SET enable_seqscan TO off; SET jit TO off';

/** Sets up each new connection, and lets none through that would lose a commit in a power cut. */
export async function prepareSession(
  connection: Connection,
  { schema, transactionMsMax }: SessionOptions,
): Promise<void> {
  // Set on the session and not in the start packet: poolers in between do not pass that on.
  await connection.query(
    `SET search_path TO "${schema}"; SET statement_timeout TO ${transactionMsMax};
     SET idle_in_transaction_session_timeout TO ${transactionMsMax + IDLE_GRACE_MS};
     SET default_transaction_read_only TO on;
     SET extra_float_digits TO 1; SET bytea_output TO hex; ${PLANS}`,
  );
  const settings = DURABLE.map(({ name }) => `current_setting('${name}') AS ${name}`).join(', ');
  const { rows } = await connection.query(
    `SELECT ${settings}, current_setting('server_encoding') AS encoding,
       current_setting('default_transaction_read_only') AS guard`,
  );
  const found = rows[0] ?? {};
  for (const { name, lossy } of DURABLE) {
    if (lossy === found[name]) throw notDurable(name, lossy);
  }
  // A statement that is sent outside a begun transaction would commit alone: it fails instead.
  if (found['guard'] !== 'on') {
    throw new AppError('CONFIG_INVALID', 'the settings of a database session did not stay', {
      hint: 'A pooler in between has to pool sessions, not transactions.',
      operatorOnly: true,
    });
  }
  if (found['encoding'] !== 'UTF8') {
    throw new AppError(
      'CONFIG_INVALID',
      `the database's encoding is ${found['encoding']}, not UTF8`,
      {
        hint: 'Make it with CREATE DATABASE … ENCODING UTF8 TEMPLATE template0.',
        operatorOnly: true,
      },
    );
  }
}

/** Settings of the server that a durable commit needs, and the value with which it is lost. */
const DURABLE = [
  { name: 'fsync', lossy: 'off' },
  { name: 'full_page_writes', lossy: 'off' },
  // All other values wait at least for the local disk.
  { name: 'synchronous_commit', lossy: 'off' },
];

function notDurable(name: string, value: string): AppError {
  return new AppError('STORE_NOT_DURABLE', `PostgreSQL runs with ${name}=${value}`, {
    hint: `Set ${name} to on, in postgresql.conf or for this database and user.`,
    operatorOnly: true,
  });
}

/**
 * 25P02 is the first failure of a transaction when a read before it on this connection could not be
 * ended: nothing was done.
 */
const CONTENTION = new Set(['40001', '40P01', '25P02']);
/** The statement's name is not known, as after `DISCARD ALL`. */
const NAME_UNKNOWN = '26000';
const CONFIGURATION = new Set(['28P01', '28000', '3D000', '42501']);
/** Connection failures, resources used up, the server shutting down. */
const AWAY = /^(08|53|57P)/;
const SERVER_CODE = /^[0-9A-Z]{5}$/;
/**
 * The driver's own words and Node's codes for a connection that is not there or does not answer.
 */
const BROKEN = new RegExp(
  [
    'connection terminated|connection ended|not queryable|was closed|timeout',
    'ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOENT',
  ].join('|'),
  'i',
);

/**
 * The operating error that a failure of PostgreSQL is to the caller; any other error stays as it
 * is.
 */
export function postgresFailure(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof AppError) return cause;
  const code = 'code' in cause ? String(cause.code) : '';
  if (SERVER_CODE.test(code) && 'severity' in cause) return serverFailure(code, cause);
  // Several addresses were tried: each failure is inside, and the outer message is empty.
  const text =
    cause instanceof AggregateError ? cause.errors.map(String).join('; ') : cause.message;
  if (!BROKEN.test(`${code} ${text}`)) return cause;
  return new AppError('UNAVAILABLE', `PostgreSQL does not answer: ${text}`, {
    cause,
    hint: 'Look whether the server runs and whether the address in the URL is right.',
    operatorOnly: true,
  });
}

/**
 * A named statement that has to be prepared again: its tables changed so that it gives other
 * columns now (0A000, "cached plan must not change result type"), or the server lost it.
 */
export function isStaleStatement(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  // By the server's function: 0A000 has other reasons, and the message is in the server's language.
  const replanned = 'routine' in cause && cause.routine === 'RevalidateCachedQuery';
  return (cause.code === '0A000' && replanned) || cause.code === NAME_UNKNOWN;
}

function serverFailure(code: string, cause: Error): unknown {
  if (CONTENTION.has(code) || isStaleStatement(cause)) {
    return new AppError('SQL_CONTENTION', cause.message, { cause, operatorOnly: true });
  }
  if (code === '57014') {
    return new AppError('DEADLINE_EXCEEDED', `PostgreSQL ended a statement: ${cause.message}`, {
      cause,
      operatorOnly: true,
    });
  }
  if (AWAY.test(code)) {
    return new AppError('UNAVAILABLE', `PostgreSQL: ${cause.message}`, {
      cause,
      operatorOnly: true,
    });
  }
  if (CONFIGURATION.has(code)) {
    return new AppError('CONFIG_INVALID', `PostgreSQL: ${cause.message}`, {
      cause,
      hint: 'The URL of the database names a user, password or database that does not fit.',
      operatorOnly: true,
    });
  }
  return cause;
}
