import {
  type EventEnvelope,
  envelopeFromHeaders,
} from '@holdfast/shared/contracts/event-envelope.ts';
import { EVENTS, type EventData, type EventType } from '@holdfast/shared/contracts/events.ts';
import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import { z } from 'zod';
import type { EventLog, LogBatch, LogEvent } from '../event-log/event-log.ts';
import {
  type Arrival,
  arrive,
  freeze,
  type InboxBegin,
  type InboxTables,
} from './inbox-positions.ts';

export { type InboxBegin, type InboxTables, inboxMigration } from './inbox-positions.ts';

/** How long a partition waits for a missing event before what follows it is parked. */
export const GAP_WAIT_MS = 30_000;

export interface InboxEvent {
  readonly envelope: EventEnvelope;
  readonly event: LogEvent;
}

export interface InboxOptions<DB extends InboxTables> extends ConsumerOptions<DB> {
  /** The effect. May run again when the transaction does: nothing but statements of `tx`. */
  readonly apply: (tx: Transaction<DB>, event: InboxEvent) => Promise<void>;
}

export interface BatchInboxOptions<DB extends InboxTables> extends ConsumerOptions<DB> {
  /**
   * The effect of several events at once, in their order; at least one. May run again when the
   * transaction does: nothing but statements of `tx`.
   */
  readonly applyAll: (tx: Transaction<DB>, events: readonly InboxEvent[]) => Promise<void>;
}

interface ConsumerOptions<DB extends InboxTables> {
  /** Names the effect; two effects of one service have two names. Also the group, as a rule. */
  readonly consumer: string;
  readonly sql: Sql<DB>;
  readonly log: EventLog;
  readonly runtime: Pick<Runtime, 'clock' | 'log' | 'metrics'>;
  readonly begin?: InboxBegin;
  readonly gapWaitMs?: number;
}

/** An event before this one is missing. The batch comes again, until the wait is over. */
export class SequenceGap extends Error {
  override readonly name = 'SequenceGap';
  readonly subject: string;
  readonly expected: bigint;
  readonly received: bigint;

  constructor(gap: { subject: string; expected: bigint; received: bigint }) {
    super(`${gap.subject}: ${gap.received} came, ${gap.expected} is missing`);
    this.subject = gap.subject;
    this.expected = gap.expected;
    this.received = gap.received;
  }
}

export interface Inbox {
  /** For `subscribe`: applies the batch, each event once, in the order of its subject. */
  handle(batch: LogBatch): Promise<void>;
}

/**
 * Makes effects exactly once out of a log that delivers at least once: the last sequence of each
 * (consumer, topic, subject) is stored in the transaction of the effect. A sequence that is not
 * higher is a repeat; the next one is applied; a higher one waits, and with it its partition, until
 * `gapWaitMs` is over. Then it is parked in `<topic>.dead`, and what follows of its subject goes
 * there too, until the missing events come (replayed) and close the gap. An event whose envelope
 * cannot be read is parked at once.
 */
export function createInbox<DB extends InboxTables>(options: InboxOptions<DB>): Inbox {
  const { apply } = options;
  return createBatchInbox({
    ...options,
    async applyAll(tx, events) {
      for (const event of events) await apply(tx, event);
    },
  });
}

/** The same for an effect that costs less when it has several events in one transaction. */
export function createBatchInbox<DB extends InboxTables>(options: BatchInboxOptions<DB>): Inbox {
  return new SequencedInbox(options as unknown as BatchInboxOptions<InboxTables>);
}

/** The data of an event of this type. Throws a ZodError that names what is wrong. */
export function eventData<T extends EventType>(type: T, { event }: InboxEvent): EventData<T> {
  return EVENTS[type].data.parse(JSON.parse(Buffer.from(event.value).toString())) as EventData<T>;
}

interface Arriving extends InboxEvent {
  readonly arrival: Arrival;
}

/** The first event of a batch that cannot be applied now. */
type Blocked =
  | { readonly index: number; readonly reason: 'gap' | 'frozen'; readonly expected: bigint }
  | { readonly index: number; readonly reason: 'unreadable' };

class SequencedInbox implements Inbox {
  readonly #options: BatchInboxOptions<InboxTables>;
  readonly #parked: ReturnType<Runtime['metrics']['counter']>;
  /** Since when each partition has waited, and at which offset. */
  readonly #waits = new Map<string, { readonly offset: bigint; readonly sinceMs: number }>();

  constructor(options: BatchInboxOptions<InboxTables>) {
    this.#options = options;
    this.#parked = options.runtime.metrics.counter(
      'holdfast_inbox_parked_events_total',
      'Events that a consumer set aside as dead letters',
      ['consumer', 'topic', 'reason'],
    );
  }

  async handle(batch: LogBatch): Promise<void> {
    assert(!batch.topic.endsWith('.dead'), 'dead letters are replayed, not consumed');
    const arriving = batch.events.map((event) => this.#read(event));
    for (let from = 0; from < arriving.length; ) {
      const blocked = await this.#options.sql.transaction((tx) => this.#apply(tx, arriving, from));
      if (!blocked) return;
      const arrived = arriving[blocked.index];
      if (blocked.reason === 'gap' && arrived) this.#waitOrGoOn(arrived, blocked.expected);
      await this.#park(batch.events[blocked.index]!, arrived?.arrival, blocked.reason);
      from = blocked.index + 1;
    }
  }

  /** Undefined when its envelope cannot be read. */
  #read(event: LogEvent): Arriving | undefined {
    try {
      const envelope = envelopeFromHeaders(event.headers);
      const { consumer } = this.#options;
      const { subject } = envelope;
      const sequence = BigInt(envelope.sequence);
      return { event, envelope, arrival: { consumer, topic: event.topic, subject, sequence } };
    } catch (cause) {
      if (cause instanceof z.ZodError) return undefined;
      throw cause;
    }
  }

  /** Applies events until one is blocked; what was applied before it is committed. */
  async #apply(
    tx: Transaction<InboxTables>,
    arriving: readonly (Arriving | undefined)[],
    from: number,
  ): Promise<Blocked | undefined> {
    const { begin = 'first', applyAll } = this.#options;
    const next: InboxEvent[] = [];
    let blocked: Blocked | undefined;
    for (let index = from; index < arriving.length && !blocked; index++) {
      const arrived = arriving[index];
      const judged = arrived && (await arrive(tx, arrived.arrival, begin));
      if (!judged) blocked = { index, reason: 'unreadable' };
      else if (judged.kind === 'next') next.push(arrived);
      else if (judged.kind !== 'repeat') {
        blocked = { index, reason: judged.kind, expected: judged.expected };
      }
    }
    if (next.length > 0) await applyAll(tx, next);
    return blocked;
  }

  #waitOrGoOn({ arrival, event }: Arriving, expected: bigint): void {
    const { runtime, gapWaitMs = GAP_WAIT_MS } = this.#options;
    const place = `${event.topic}/${event.partition}`;
    const now = runtime.clock.monotonicMs();
    const known = this.#waits.get(place);
    const sinceMs = known?.offset === event.offset ? known.sinceMs : now;
    if (now - sinceMs < gapWaitMs) {
      this.#waits.set(place, { offset: event.offset, sinceMs });
      throw new SequenceGap({ ...arrival, expected, received: arrival.sequence });
    }
    this.#waits.delete(place);
  }

  /** In the dead letters first, then in the inbox: a crash in between parks it twice, never not. */
  async #park(event: LogEvent, arrival: Arrival | undefined, reason: string): Promise<void> {
    const { consumer, log, sql, runtime } = this.#options;
    const { topic, partition, offset, key, value } = event;
    const headers = {
      ...event.headers,
      holdfast_parked_by: consumer,
      holdfast_parked_reason: reason,
      holdfast_parked_from: `${partition}/${offset}`,
    };
    await log.append(`${topic}.dead` as Topic, [{ key, headers, value }]);
    if (arrival) await sql.transaction((tx) => freeze(tx, arrival));
    this.#parked.add(1, { consumer, topic, reason });
    const { subject, sequence } = arrival ?? {};
    runtime.log.warn({ consumer, topic, offset, subject, sequence, reason }, 'an event was parked');
  }
}
