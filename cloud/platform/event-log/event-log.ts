import type { Topic } from '@holdfast/shared/contracts/topics.ts';

/** An event is at most 900 KB, headers included; a larger one is refused with EVENT_TOO_LARGE. */
export const EVENT_BYTES_MAX = 900 * 1024;

export interface LogRecord {
  readonly key: string;
  /** `ce_` headers and content-type, see shared/contracts/event-envelope.ts. */
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
}

/** What counts against EVENT_BYTES_MAX. */
export function recordBytes({ key, headers, value }: LogRecord): number {
  let bytes = Buffer.byteLength(key) + value.byteLength;
  for (const [name, text] of Object.entries(headers)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  return bytes;
}

export interface LogEvent extends LogRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * Events between services.
 *
 * - `append` resolves when every record MUST survive a power cut, and returns their offsets in the
 *   order given. When it rejects, the records MAY be there all the same: who retries may append
 *   twice, and consumers expect it.
 * - A record MUST NOT change once it was appended, nor an event that was read: they are shared.
 * - Offsets of a partition grow and MAY have gaps. A key keeps its partition, and records of one
 *   key keep the order in which they were appended.
 * - Each partition of a group is held by one member at a time, as far as a lease can promise: after
 *   a hand-over two members MAY briefly hold it, so effects are guarded by the consumer's own
 *   position.
 * - Delivery is at least once and MAY go back to the last commit. Events of one partition come in
 *   offset order. A batch is committed after its handler resolved; when the handler throws, the
 *   same events come again after a pause.
 * - A new group starts at the beginning of what is kept.
 * - Events older than the topic's retention MAY be gone; of a compacted topic the last event of
 *   each key MUST remain.
 * - A watcher is told after each append of its topic, at once of this process's and soon of another
 *   one's; it MAY be told when nothing is new. What it reads by then has the new events. One that
 *   throws harms neither the append nor another watcher.
 * - Several processes of one machine MAY open the same log.
 * - After `close`, every call throws UNAVAILABLE; running handlers are waited for, with a deadline.
 */
export interface EventLog {
  append(topic: Topic, records: readonly LogRecord[]): Promise<readonly LogPosition[]>;
  subscribe(options: SubscribeOptions): Promise<LogSubscription>;
  /** Events from `from` on, at most `limit`, ascending. Empty at the end. */
  read(topic: Topic, partition: number, from: bigint, limit: number): Promise<readonly LogEvent[]>;
  /** The offset that follows the last durable event of the partition. */
  endOffset(topic: Topic, partition: number): Promise<bigint>;
  /** Tells of new events without a group, until what it returns is called. */
  watch(topic: Topic, onAppended: OnAppended): () => void;
  partitionOf(topic: Topic, key: string): number;
  close(): Promise<void>;
}

/** In these partitions, up to these offsets; anywhere when none is named. */
export type OnAppended = (ends?: ReadonlyMap<number, bigint>) => void;

export interface LogPosition {
  readonly partition: number;
  readonly offset: bigint;
}

export interface SubscribeOptions {
  readonly group: string;
  readonly topics: readonly Topic[];
  /** At most this many events in a batch, and at most 4 MB. */
  readonly batchMax: number;
  readonly handle: (batch: LogBatch) => Promise<void>;
  /** Told of each failed batch, before the pause. */
  readonly onError: (error: unknown, batch: LogBatch) => void;
}

export interface LogBatch {
  readonly topic: Topic;
  readonly partition: number;
  readonly events: readonly LogEvent[];
  /** Grows each time the partition changes hands within the group. */
  readonly leaseEpoch: bigint;
}

export interface LogSubscription {
  /** Stops taking batches, waits for the one in hand, gives its partitions up at once. */
  stop(): Promise<void>;
}
