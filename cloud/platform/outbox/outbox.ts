import {
  type EventEnvelope,
  envelopeToHeaders,
  eventEnvelopeSchema,
} from '@holdfast/shared/contracts/event-envelope.ts';
import { EVENTS, type EventData, type EventType } from '@holdfast/shared/contracts/events.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  type ColumnDefinitionBuilder,
  type Generated,
  type Insertable,
  sql,
  type Transaction,
} from 'kysely';
import { EVENT_BYTES_MAX, recordBytes } from '../event-log/event-log.ts';

/** What an event leaves free below EVENT_BYTES_MAX: the headers that it gets when it is parked. */
export const PARKING_BYTES = 1024;

/** Of the service that publishes. */
export interface OutboxTables {
  outbox: {
    id: Generated<bigint>;
    topic: string;
    subject: string;
    sequence: bigint;
    key: string;
    headers: string;
    value: Uint8Array;
  };
  outbox_aggregates: { subject: string; topic: string; sequence: bigint };
  outbox_lease: { name: string; holder: string; epoch: bigint; renewed_at: bigint };
}

export interface OutboxEvent<T extends EventType> {
  readonly type: T;
  /** The aggregate. All its events go to one topic. */
  readonly subject: string;
  readonly tenant: string;
  readonly data: EventData<T>;
  /**
   * What the topic is partitioned by; the same for all events of the aggregate. Default: subject.
   */
  readonly key?: string;
  /** Who caused it, by id only. */
  readonly actor?: string;
  readonly causationId?: string;
  readonly correlationId?: string;
}

export interface Outbox {
  /**
   * Writes the event in the transaction of the change that it tells, and returns its sequence:
   * gapless per aggregate from 1, because a transaction that fails takes its number back with it.
   * Once the transaction is committed, nudge the relay. Throws EVENT_TOO_LARGE, and INTERNAL when
   * the data does not fit the event's schema.
   */
  enqueue<T extends EventType, DB extends OutboxTables>(
    tx: Transaction<DB>,
    event: OutboxEvent<T>,
  ): Promise<bigint>;
  /** Several of one transaction, in this order, in a few statements; their sequences. */
  enqueueAll<DB extends OutboxTables>(
    tx: Transaction<DB>,
    events: readonly OutboxEvent<EventType>[],
  ): Promise<readonly bigint[]>;
}

export interface OutboxOptions {
  /** The service: `source` of its events. */
  readonly source: string;
  readonly region: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'tracing'>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const enqueueAll = async (
    tx: Transaction<OutboxTables>,
    events: readonly OutboxEvent<EventType>[],
  ): Promise<readonly bigint[]> => {
    const values = events.map(encodeData);
    const sequences = await nextSequences(tx, events);
    const rows = events.map((event, index) =>
      rowOf(event, { sequence: sequences[index]!, value: values[index]! }, options),
    );
    for (const some of rowBatches(rows)) await insertRows.run(tx, { rows: some });
    return sequences;
  };
  return {
    async enqueue(tx, event) {
      const tables = tx as unknown as Transaction<OutboxTables>;
      const [sequence] = await enqueueAll(tables, [event as OutboxEvent<EventType>]);
      return sequence!;
    },
    enqueueAll: (tx, events) => enqueueAll(tx as unknown as Transaction<OutboxTables>, events),
  };
}

type OutboxRow = Insertable<OutboxTables['outbox']>;

const insertRows = statement<OutboxTables, { readonly rows: readonly OutboxRow[] }>()(
  (db, { rows }) => db.insertInto('outbox').values(rows),
);

function rowOf(
  event: OutboxEvent<EventType>,
  { sequence, value }: { readonly sequence: bigint; readonly value: Uint8Array },
  options: OutboxOptions,
): OutboxRow {
  const { type, subject } = event;
  const headers = envelopeToHeaders(envelopeOf(event, sequence, options));
  const record = { key: event.key ?? subject, headers, value };
  const bytes = recordBytes(record);
  if (bytes > EVENT_BYTES_MAX - PARKING_BYTES) {
    throw new AppError('EVENT_TOO_LARGE', `an event ${type} has ${bytes} bytes`);
  }
  const { topic } = EVENTS[type];
  return { topic, subject, sequence, ...record, headers: JSON.stringify(headers) };
}

/** The tables of an outbox, for the list of the service's migrations. */
export function outboxMigration(id: string): Migration {
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  return {
    id,
    async up(tx, technology) {
      await tx.schema
        .createTable('outbox')
        .addColumn('id', 'bigint', (column) =>
          technology === 'postgres'
            ? column.generatedAlwaysAsIdentity().primaryKey()
            : column.primaryKey().autoIncrement(),
        )
        .addColumn('topic', 'text', required)
        .addColumn('subject', 'text', required)
        .addColumn('sequence', 'bigint', required)
        .addColumn('key', 'text', required)
        .addColumn('headers', 'text', required)
        .addColumn('value', 'blob', required)
        .addUniqueConstraint('outbox_key', ['subject', 'sequence'])
        .execute();
      await tx.schema
        .createTable('outbox_aggregates')
        .addColumn('subject', 'text', (column) => column.notNull().primaryKey())
        .addColumn('topic', 'text', required)
        .addColumn('sequence', 'bigint', required)
        .execute();
      await tx.schema
        .createTable('outbox_lease')
        .addColumn('name', 'text', (column) => column.notNull().primaryKey())
        .addColumn('holder', 'text', required)
        .addColumn('epoch', 'bigint', required)
        .addColumn('renewed_at', 'bigint', required)
        .execute();
      await sql`insert into outbox_lease values ('relay', '', 0, 0)`.execute(tx);
    },
  };
}

/** Of each event its number; those of one aggregate follow one another. */
async function nextSequences(
  tx: Transaction<OutboxTables>,
  events: readonly OutboxEvent<EventType>[],
): Promise<readonly bigint[]> {
  const counts = new Map<string, { subject: string; topic: string; sequence: bigint }>();
  for (const { type, subject } of events) {
    const { topic } = EVENTS[type];
    const sequence = (counts.get(subject)?.sequence ?? 0n) + 1n;
    // Its consumers count the sequence: a second topic would show each of them gaps.
    const isAlone = (counts.get(subject)?.topic ?? topic) === topic;
    assert(isAlone, `the events of ${subject} go to ${topic} alone`);
    counts.set(subject, { subject, topic, sequence });
  }
  const next = new Map<string, bigint>();
  for (const some of rowBatches([...counts.values()])) {
    for (const { subject, topic, sequence } of await countUp.all(tx, { counts: some })) {
      const { topic: wanted, sequence: count } = counts.get(subject)!;
      assert(topic === wanted, `the events of ${subject} go to ${topic} alone`);
      next.set(subject, sequence - count + 1n);
    }
  }
  return events.map(({ subject }) => {
    const sequence = next.get(subject)!;
    next.set(subject, sequence + 1n);
    return sequence;
  });
}

const countUp = statement<
  OutboxTables,
  { readonly counts: readonly OutboxTables['outbox_aggregates'][] }
>()((db, { counts }) =>
  db
    .insertInto('outbox_aggregates')
    .values(counts)
    .onConflict((conflict) =>
      conflict.column('subject').doUpdateSet((eb) => ({
        sequence: eb('outbox_aggregates.sequence', '+', eb.ref('excluded.sequence')),
      })),
    )
    .returning(['subject', 'topic', 'sequence']),
);

function encodeData({ type, data }: OutboxEvent<EventType>): Uint8Array {
  const parsed = EVENTS[type].data.safeParse(data);
  if (parsed.success) return Buffer.from(JSON.stringify(parsed.data));
  throw new AppError('INTERNAL', `the data does not fit the event ${type}`, {
    cause: parsed.error,
    retry: 'never',
  });
}

function envelopeOf(
  event: OutboxEvent<EventType>,
  sequence: bigint,
  { source, region, runtime }: OutboxOptions,
): EventEnvelope {
  const { clock, random, tracing } = runtime;
  const nowMs = clock.now();
  const traceparent = tracing.current();
  return {
    specversion: '1.0',
    id: prefixedId('evt', nowMs, random.bytes(10)),
    source,
    type: event.type,
    time: new Date(nowMs).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `urn:holdfast:event:${event.type}`,
    region,
    sequence: String(sequence),
    ...(traceparent && { traceparent }),
    ...givenSchema.parse({
      subject: event.subject,
      tenant: event.tenant,
      ...(event.causationId && { causationid: event.causationId }),
      ...(event.correlationId && { correlationid: event.correlationId }),
      ...(event.actor && { actor: event.actor }),
    }),
  };
}

/** What the caller brings; the other attributes are made here and fit. */
const givenSchema = eventEnvelopeSchema.pick({
  subject: true,
  tenant: true,
  causationid: true,
  correlationid: true,
  actor: true,
});
