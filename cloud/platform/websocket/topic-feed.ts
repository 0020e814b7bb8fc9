import { TOPICS, type Topic, topicDefinition } from '@holdfast/shared/contracts/topics.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogEvent } from '../event-log/event-log.ts';

const RETRY_MS = 1_000;
const BATCH_EVENTS_MAX = 500;
/** Larger than any offset: read until nothing comes. */
const UNKNOWN_END = 2n ** 63n;

/**
 * The tail of a topic, read without a consumer group: every process sees every event, and nothing
 * is left behind in the log when it ends. Read only while somebody looks.
 */
export interface TopicFeed {
  readonly partitionCount: number;
  /** What comes next, per partition; at the end of the log when nobody looked before. */
  look(): Promise<readonly bigint[]>;
  /** Who has looked and goes. */
  leave(): void;
  positions(): readonly bigint[];
  /** Events from `from` on, in the log's order; not more than what the feed has shown. */
  read(partition: number, from: bigint): Promise<readonly LogEvent[]>;
  stop(): Promise<void>;
}

export interface TopicFeedOptions {
  readonly log: EventLog;
  readonly topic: Topic;
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
  /** Called in order; `positions` have passed the event when it is. */
  readonly onEvent: (event: LogEvent) => void;
}

export function openTopicFeed(options: TopicFeedOptions): TopicFeed {
  return new Feed(options);
}

class Feed implements TopicFeed {
  readonly partitionCount: number;
  readonly #options: TopicFeedOptions;
  readonly #partitions: readonly number[];
  readonly #positions: bigint[];
  readonly #stopping = new AbortController();
  /** Where something new may be, and up to which offset. */
  readonly #due = new Map<number, bigint>();
  #wake: (() => void) | undefined;
  #lookers = 0;
  #opening: Promise<void> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: TopicFeedOptions) {
    const { topic } = options;
    assert(topic in TOPICS, 'dead letters are not shown');
    this.#options = options;
    this.partitionCount = topicDefinition(topic).partitionCount;
    this.#partitions = Array.from({ length: this.partitionCount }, (_, index) => index);
    this.#positions = this.#partitions.map(() => 0n);
  }

  async look(): Promise<readonly bigint[]> {
    this.#lookers++;
    try {
      this.#opening ??= this.#open();
      await this.#opening;
    } catch (error) {
      this.#lookers--;
      this.#opening = undefined;
      throw error;
    }
    return this.#positions;
  }

  leave(): void {
    this.#lookers--;
    if (this.#lookers === 0) this.#wake?.();
  }

  positions(): readonly bigint[] {
    return this.#positions;
  }

  async read(partition: number, from: bigint): Promise<readonly LogEvent[]> {
    const { log, topic } = this.#options;
    const events = await log.read(topic, partition, from, BATCH_EVENTS_MAX);
    return events.filter(({ offset }) => offset < this.#positions[partition]!);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await this.#running;
  }

  async #open(): Promise<void> {
    const { log, topic } = this.#options;
    // Before the ends are asked for: nothing comes in between.
    const unwatch = log.watch(topic, (ends) => {
      for (const each of this.#partitions) {
        if (!ends || ends.has(each)) this.#mark(each, ends?.get(each) ?? UNKNOWN_END);
      }
      this.#wake?.();
    });
    try {
      const ends = await Promise.all(this.#partitions.map((each) => log.endOffset(topic, each)));
      for (const each of this.#partitions) this.#positions[each] = ends[each]!;
    } catch (cause) {
      unwatch();
      throw cause;
    }
    this.#running = this.#run().finally(unwatch);
  }

  async #run(): Promise<void> {
    while (this.#lookers > 0 && !this.#stopping.signal.aborted) {
      if (this.#due.size > 0) await this.#step();
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    this.#opening = undefined;
  }

  async #step(): Promise<void> {
    const { topic, runtime } = this.#options;
    const { signal } = this.#stopping;
    const due = [...this.#due];
    this.#due.clear();
    try {
      await Promise.all(due.map(([each, end]) => this.#advance(each, end)));
    } catch (error) {
      if (signal.aborted) return;
      // Nothing is lost: the same positions are read again.
      for (const [each, end] of due) this.#mark(each, end);
      runtime.log.warn({ err: error, topic }, 'cannot read the log');
      await runtime.clock.sleep(RETRY_MS, signal).then(noop, noop);
    }
  }

  #mark(partition: number, end: bigint): void {
    const known = this.#due.get(partition) ?? 0n;
    this.#due.set(partition, known > end ? known : end);
  }

  async #advance(partition: number, end: bigint): Promise<void> {
    const { log, topic, onEvent } = this.#options;
    const from = this.#positions[partition]!;
    if (from >= end) return;
    const events = await log.read(topic, partition, from, BATCH_EVENTS_MAX);
    for (const event of events) {
      this.#positions[partition] = event.offset + 1n;
      onEvent(event);
    }
    // One of less than was asked for may be full of bytes.
    if (events.length > 0 && this.#positions[partition]! < end) this.#mark(partition, end);
  }
}

/** A sleep that ends early is as good as one that ends. */
function noop(): void {}
