import {
  type EventEnvelope,
  envelopeToHeaders,
  eventEnvelopeSchema,
} from '@holdfast/shared/contracts/event-envelope.ts';
import { EVENTS, type EventData, type EventType } from '@holdfast/shared/contracts/events.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type ColumnDefinitionBuilder, type Generated, sql, type Transaction } from 'kysely';
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
}

export interface OutboxOptions {
  /** The service: `source` of its events. */
  readonly source: string;
  readonly region: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'tracing'>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  return {
    async enqueue(tx, event) {
      const { topic } = EVENTS[event.type];
      const tables = tx as unknown as Transaction<OutboxTables>;
      const value = encodeData(event);
      const sequence = await nextSequence(tables, event.subject, topic);
      const headers = envelopeToHeaders(envelopeOf(event, sequence, options));
      const record = { key: event.key ?? event.subject, headers, value };
      const bytes = recordBytes(record);
      if (bytes > EVENT_BYTES_MAX - PARKING_BYTES) {
        throw new AppError('EVENT_TOO_LARGE', `an event ${event.type} has ${bytes} bytes`);
      }
      await tables
        .insertInto('outbox')
        .values({
          topic,
          subject: event.subject,
          sequence,
          ...record,
          headers: JSON.stringify(headers),
        })
        .execute();
      return sequence;
    },
  };
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

async function nextSequence(
  tx: Transaction<OutboxTables>,
  subject: string,
  topic: string,
): Promise<bigint> {
  const aggregate = await tx
    .insertInto('outbox_aggregates')
    .values({ subject, topic, sequence: 1n })
    .onConflict((conflict) =>
      conflict.column('subject').doUpdateSet((eb) => ({
        sequence: eb('outbox_aggregates.sequence', '+', 1n),
      })),
    )
    .returning(['topic', 'sequence'])
    .executeTakeFirstOrThrow();
  // Its consumers count the sequence: a second topic would show each of them gaps.
  assert(aggregate.topic === topic, `the events of ${subject} go to ${aggregate.topic} alone`);
  return aggregate.sequence;
}

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
  return eventEnvelopeSchema.parse({
    specversion: '1.0',
    id: prefixedId('evt', nowMs, random.bytes(10)),
    source,
    type: event.type,
    subject: event.subject,
    time: new Date(nowMs).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `urn:holdfast:event:${event.type}`,
    tenant: event.tenant,
    region,
    sequence: String(sequence),
    ...(event.causationId && { causationid: event.causationId }),
    ...(event.correlationId && { correlationid: event.correlationId }),
    ...(event.actor && { actor: event.actor }),
    ...(traceparent && { traceparent }),
  });
}
