import { TOPICS, type Topic, topicDefinition } from '@holdfast/shared/contracts/topics.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogEvent } from '../event-log/event-log.ts';

const RETRY_MS = 1_000;
const BATCH_EVENTS_MAX = 500;

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
  const { log, topic, runtime, onEvent } = options;
  const { partitionCount } = topicDefinition(topic);
  assert(topic in TOPICS, 'dead letters are not shown');
  const partitions = Array.from({ length: partitionCount }, (_, index) => index);
  const positions = partitions.map(() => 0n);
  const stopping = new AbortController();
  /** Where something new may be. */
  const due = new Set<number>();
  let wake: (() => void) | undefined;
  let unwatch = noop;
  let lookers = 0;
  let opening: Promise<void> | undefined;
  let running: Promise<void> | undefined;

  const open = async (): Promise<void> => {
    // Before the ends are asked for: nothing comes in between.
    unwatch = log.watch(topic, (changed) => {
      for (const each of changed ?? partitions) due.add(each);
      wake?.();
    });
    const ends = await Promise.all(partitions.map((each) => log.endOffset(topic, each)));
    for (const each of partitions) positions[each] = ends[each]!;
    running = run();
  };
  const run = async (): Promise<void> => {
    while (lookers > 0 && !stopping.signal.aborted) {
      if (due.size === 0) await changes();
      else await step();
    }
    unwatch();
    opening = undefined;
  };
  const changes = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const step = async (): Promise<void> => {
    const these = [...due];
    due.clear();
    try {
      const counts = await Promise.all(these.map(advance));
      for (const [at, count] of counts.entries()) {
        if (count === BATCH_EVENTS_MAX) due.add(these[at]!);
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      // Nothing is lost: the same positions are read again.
      for (const each of these) due.add(each);
      runtime.log.warn({ err: error, topic }, 'cannot read the log');
      await runtime.clock.sleep(RETRY_MS, stopping.signal).then(noop, noop);
    }
  };
  const advance = async (partition: number): Promise<number> => {
    const events = await log.read(topic, partition, positions[partition]!, BATCH_EVENTS_MAX);
    for (const event of events) {
      positions[partition] = event.offset + 1n;
      onEvent(event);
    }
    return events.length;
  };
  return {
    partitionCount,
    async look() {
      lookers++;
      try {
        opening ??= open();
        await opening;
      } catch (error) {
        lookers--;
        opening = undefined;
        throw error;
      }
      return positions;
    },
    leave() {
      lookers--;
      if (lookers === 0) wake?.();
    },
    positions: () => positions,
    async read(partition, from) {
      const events = await log.read(topic, partition, from, BATCH_EVENTS_MAX);
      return events.filter(({ offset }) => offset < positions[partition]!);
    },
    async stop() {
      stopping.abort();
      wake?.();
      await running;
    },
  };
}

/** A sleep that ends early is as good as one that ends. */
function noop(): void {}
