import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import type { LogEvent, LogPosition, LogRecord } from './event-log.ts';

/** What it keeps in memory, buffers that values are only a part of included. */
export const TAIL_BYTES_MAX = 1024 * 1024;
const TAIL_EVENTS_MAX = 1024;

/**
 * The newest events of a topic, of all its partitions, without a gap between the first and the
 * last: who follows the log reads what was just appended without asking the file.
 */
export class TopicTail {
  readonly #topic: Topic;
  #events: LogEvent[] = [];
  #bytes = 0;

  constructor(topic: Topic) {
    this.#topic = topic;
  }

  /** What one append stored, one after the other in the file. */
  add(positions: readonly LogPosition[], records: readonly LogRecord[]): void {
    const last = this.#events.at(-1)?.offset;
    if (last !== undefined && positions[0]!.offset !== last + 1n) this.#clear();
    for (const [index, position] of positions.entries()) {
      const { key, headers, value } = records[index]!;
      this.#events.push({ topic: this.#topic, ...position, key, headers, value });
      this.#bytes += value.buffer.byteLength;
    }
    this.#cut();
  }

  /** As the log's `read`; empty also for events that are not in memory. */
  read(partition: number, from: bigint, limit: number): LogEvent[] {
    const first = this.#events[0]?.offset;
    if (first === undefined || from < first) return [];
    const events: LogEvent[] = [];
    for (let at = Number(from - first); at < this.#events.length && events.length < limit; at++) {
      const event = this.#events[at]!;
      if (event.partition === partition) events.push(event);
    }
    return events;
  }

  /** Half of it at once, so that dropping one costs little. */
  #cut(): void {
    while (this.#bytes > TAIL_BYTES_MAX || this.#events.length > TAIL_EVENTS_MAX) {
      const dropped = this.#events.splice(0, Math.ceil(this.#events.length / 2));
      for (const { value } of dropped) this.#bytes -= value.buffer.byteLength;
    }
  }

  #clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }
}
