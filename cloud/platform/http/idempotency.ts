import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Migration, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { ColumnDefinitionBuilder, Transaction } from 'kysely';

/** Of each service that has POSTs which create. */
export interface IdempotencyTables {
  idempotency_keys: {
    tenant: string;
    /** Who asked: two people never share a key. */
    subject: string;
    /** Method and path template: a key is used with one of them. */
    route: string;
    key: string;
    /** SHA-256 of path and body, hexadecimal. */
    fingerprint: string;
    status: bigint;
    /** JSON: what is sent again, `Location` among it. */
    headers: string;
    body: string;
    created_at: bigint;
  };
}

/** An answer that can be stored. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

export interface OnceAnswer extends StoredAnswer {
  readonly replayed: boolean;
}

/** What makes two requests the same one. */
export interface IdempotentRequest {
  readonly principal: Principal;
  readonly route: string;
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * - The first request with a key runs `effect`; its answer is stored in the same transaction.
 * - The same request again gets the stored answer, and `replayed` is true.
 * - The same key with another path or body is IDEMPOTENCY_KEY_REUSED (422).
 * - While the first one has not answered it is IDEMPOTENCY_IN_FLIGHT (409) within one process;
 *   across processes the later one waits for the transaction and gets the stored answer.
 * - What threw is not stored: the same key may try again.
 * - Answers are kept for IDEMPOTENCY_KEPT_MS at least.
 * - `effect` is the `work` of a transaction: it MAY run more than once, and awaits `tx` alone.
 */
export interface Idempotency<DB extends IdempotencyTables = IdempotencyTables> {
  once(
    request: IdempotentRequest,
    effect: (tx: Transaction<DB>) => Promise<StoredAnswer>,
  ): Promise<OnceAnswer>;
  /** Forgets at most SWEPT_MAX answers that were kept for long enough; how many. */
  sweep(): Promise<number>;
}

export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;
/** Of one sweep: a transaction that everybody waits for stays short. */
export const SWEPT_MAX = 500;

/** The table, for the list of the service's migrations. */
export function idempotencyMigration(id: string): Migration {
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  return {
    id,
    async up(tx) {
      await tx.schema
        .createTable('idempotency_keys')
        .addColumn('tenant', 'text', required)
        .addColumn('subject', 'text', required)
        .addColumn('route', 'text', required)
        .addColumn('key', 'text', required)
        .addColumn('fingerprint', 'text', required)
        .addColumn('status', 'bigint', required)
        .addColumn('headers', 'text', required)
        .addColumn('body', 'text', required)
        .addColumn('created_at', 'bigint', required)
        .addPrimaryKeyConstraint('idempotency_keys_key', ['tenant', 'subject', 'route', 'key'])
        .execute();
      await tx.schema
        .createIndex('idempotency_keys_by_age')
        .on('idempotency_keys')
        .column('created_at')
        .execute();
    },
  };
}

export interface IdempotencyOptions<DB> {
  readonly sql: Sql<DB>;
  readonly runtime: Pick<Runtime, 'clock'>;
}

export function createIdempotency<DB extends IdempotencyTables>(
  options: IdempotencyOptions<DB>,
): Idempotency<DB> {
  const { sql, runtime } = options;
  const inFlight = new Set<string>();
  return {
    async once(request, effect) {
      const name = JSON.stringify(keyOf(request));
      if (inFlight.has(name)) {
        throw new AppError('IDEMPOTENCY_IN_FLIGHT', 'the first request is not answered yet');
      }
      inFlight.add(name);
      try {
        return await sql.transaction(async (tx) => {
          const tables = tx as unknown as Transaction<IdempotencyTables>;
          const isFirst = await claim(tables, request, runtime.clock.nowMicros());
          if (!isFirst) return replay(tables, request);
          const answer = await effect(tx);
          await store(tables, request, answer);
          return { ...answer, replayed: false };
        });
      } finally {
        inFlight.delete(name);
      }
    },
    async sweep() {
      const before = runtime.clock.nowMicros() - BigInt(IDEMPOTENCY_KEPT_MS) * 1000n;
      return forgetBefore(sql as unknown as Sql<IdempotencyTables>, before);
    },
  };
}

function keyOf({ principal, route, key }: IdempotentRequest) {
  return { tenant: principal.tenant, subject: principal.subject, route, key };
}

type Tx = Transaction<IdempotencyTables>;

/**
 * The row comes before the effect: whoever is second waits here for the first one's transaction,
 * and does not repeat its work only to be refused at the end.
 */
async function claim(tx: Tx, request: IdempotentRequest, now: bigint): Promise<boolean> {
  const { fingerprint } = request;
  const unanswered = { fingerprint, status: 0n, headers: '', body: '' };
  const row = { ...keyOf(request), ...unanswered, created_at: now };
  return (await insertKey.run(tx, row)) > 0n;
}

type KeyRow = IdempotencyTables['idempotency_keys'];

const insertKey = statement<IdempotencyTables, KeyRow>()((db, row) =>
  db
    .insertInto('idempotency_keys')
    .values(row)
    .onConflict((conflict) => conflict.doNothing()),
);

const updateAnswer = statement<
  IdempotencyTables,
  Pick<KeyRow, 'tenant' | 'subject' | 'route' | 'key' | 'status' | 'headers' | 'body'>
>()((db, { tenant, subject, route, key, ...answer }) =>
  db
    .updateTable('idempotency_keys')
    .set(answer)
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .where('route', '=', route)
    .where('key', '=', key),
);

async function replay(tx: Tx, request: IdempotentRequest): Promise<OnceAnswer> {
  const row = await tx
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'status', 'headers', 'body'])
    .where((eb) => eb.and(keyOf(request)))
    .executeTakeFirstOrThrow();
  if (row.fingerprint !== request.fingerprint) {
    throw new AppError('IDEMPOTENCY_KEY_REUSED', 'the key was used with another path or body', {
      hint: 'draw a new key for each new request; repeat one only with the same body',
    });
  }
  return {
    status: Number(row.status),
    headers: JSON.parse(row.headers),
    body: JSON.parse(row.body),
    replayed: true,
  };
}

async function store(tx: Tx, request: IdempotentRequest, answer: StoredAnswer): Promise<void> {
  await updateAnswer.run(tx, {
    ...keyOf(request),
    status: BigInt(answer.status),
    headers: JSON.stringify(answer.headers),
    body: JSON.stringify(answer.body),
  });
}

/** The oldest first, whole keys by their primary key: of one microsecond there may be many. */
async function forgetBefore(sql: Sql<IdempotencyTables>, before: bigint): Promise<number> {
  const columns = ['tenant', 'subject', 'route', 'key'] as const;
  const old = await sql.read((db) =>
    db
      .selectFrom('idempotency_keys')
      .select(columns)
      .where('created_at', '<', before)
      .orderBy('created_at')
      .limit(SWEPT_MAX)
      .execute(),
  );
  if (old.length === 0) return 0;
  return sql.transaction(async (tx) => {
    const deleted = await tx
      .deleteFrom('idempotency_keys')
      .where('created_at', '<', before)
      .where((eb) =>
        eb(
          eb.refTuple('tenant', 'subject', 'route', 'key'),
          'in',
          old.map((row) => eb.tuple(row.tenant, row.subject, row.route, row.key)),
        ),
      )
      .executeTakeFirst();
    return Number(deleted.numDeletedRows);
  });
}

const KEY_CHARS_MAX = 255;

/**
 * The header's key. The draft (draft-ietf-httpapi-idempotency-key-header) writes it as a quoted
 * string, most clients send it bare: both are the same key.
 */
export function readIdempotencyKey(header: string | undefined): string {
  if (header === undefined || header === '') {
    throw new AppError(
      'IDEMPOTENCY_KEY_MISSING',
      'send an Idempotency-Key, drawn for this request',
    );
  }
  const key = /^"([^"]*)"$/.exec(header)?.[1] ?? header;
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= KEY_CHARS_MAX) return key;
  const detail = `must be 1 to ${KEY_CHARS_MAX} visible ASCII characters`;
  throw new AppError('REQUEST_INVALID', `/Idempotency-Key: ${detail}`, {
    fields: [{ pointer: '/Idempotency-Key', detail }],
  });
}

/** The answer of `once`; a repeat says that it is one. */
export function answerOnce(answer: OnceAnswer): Response {
  const repeat = answer.replayed ? { 'idempotent-replayed': 'true' } : {};
  const headers = { 'content-type': 'application/json', ...answer.headers, ...repeat };
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
}
