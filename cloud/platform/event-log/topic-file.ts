import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { isBusy } from '@holdfast/shared/runtime/sqlite.ts';
import { noSteps, type Steps } from '@holdfast/shared/runtime/steps.ts';
import type { LogEvent, LogPosition, LogRecord } from './event-log.ts';
import { partitionOfKey } from './partition-of-key.ts';
import { openTopicStatements, type TopicStatements } from './topic-statements.ts';
import { TopicTail } from './topic-tail.ts';

/** A batch of events in memory: what one read returns at most. Larger than any event. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/**
 * What one transaction of the retention removes at most: it holds the write lock that appends wait
 * for.
 */
const REMOVED_ROWS_MAX = 256;
const REMOVED_BYTES_MAX = 4 * 1024 * 1024;
const BUSY_TIMEOUT_MS = 5000;

export interface TopicFileOptions {
  readonly path: string;
  readonly topic: Topic;
  readonly partitionCount: number;
  readonly compacted: boolean;
}

export interface ExpireOptions {
  /** Events that were appended before are removed. */
  readonly beforeMs: number;
  readonly nowMs: number;
  readonly after: bigint;
}

/** Where the next step of the retention goes on; undefined when this pass is over. */
export type Cursor = bigint | undefined;

/**
 * The events of one topic in one SQLite file: the synchronous core of the embedded log.
 *
 * One file per topic: an append waits for no other topic's writers, the retention of a large topic
 * does not lock a small one, and damage stays in one topic. The offset is the row's id in the file,
 * not a count per partition: rows are appended at the end of one tree in the order of their
 * commits, and those to be removed lie together at its beginning. So offsets of a partition have
 * gaps. The newest event of each partition is never removed: it keeps the end offset and keeps
 * SQLite from giving an id twice. Freed pages are used again; the file does not shrink.
 */
export class TopicFile {
  readonly topic: Topic;
  readonly partitionCount: number;
  readonly options: TopicFileOptions;
  readonly #steps: Steps;
  readonly #tail: TopicTail;
  #statements: TopicStatements | undefined;
  #dataVersion: bigint | undefined;
  /** Nobody has to be told of an event up to this one any more. */
  #lastKnown: bigint;

  constructor(options: TopicFileOptions, steps: Steps = noSteps) {
    this.topic = options.topic;
    this.partitionCount = options.partitionCount;
    this.options = options;
    this.#steps = steps;
    this.#tail = new TopicTail(options.topic);
    this.#dataVersion = this.#open().dataVersion.get();
    this.#lastKnown = this.#last();
  }

  /**
   * Stores all records in one transaction; when this returns they survive a power cut. Undefined
   * when another process is writing: nothing was stored, and the caller tries again without
   * blocking this thread.
   */
  append(records: readonly LogRecord[], nowMs: number): LogPosition[] | undefined {
    this.#steps.reach('event-log.append.before');
    const positions = this.#write(({ insert }) => {
      const stored = records.map(({ key, headers, value }) => {
        const partition = partitionOfKey(key, this.partitionCount);
        const row = insert.run(partition, nowMs, key, JSON.stringify(headers), value);
        return { partition, offset: BigInt(row.lastInsertRowid) };
      });
      this.#steps.reach('event-log.append.before-commit');
      return stored;
    });
    if (positions) this.#steps.reach('event-log.append.committed');
    return positions;
  }

  /**
   * At most `limit` events from `from` on, ascending, within BATCH_BYTES_MAX; empty only at the
   * end.
   */
  read(partition: number, from: bigint, limit: number): LogEvent[] {
    const tail = this.#tail.read(partition, from, limit);
    if (tail.length > 0) return tail;
    const { topic } = this;
    const events: LogEvent[] = [];
    let bytes = 0;
    for (const row of this.#open().page.iterate(partition, from, limit)) {
      const { id, key, headers, value } = row;
      bytes += Buffer.byteLength(key) + Buffer.byteLength(headers) + value.length;
      if (bytes > BATCH_BYTES_MAX && events.length > 0) break;
      events.push({ topic, partition, offset: id, key, headers: JSON.parse(headers), value });
    }
    return events;
  }

  /** 0 for a partition that never had an event. */
  endOffset(partition: number): bigint {
    const newest = this.#open().newest.get(partition) ?? null;
    return newest === null ? 0n : newest + 1n;
  }

  /** One append of this process stored these, one after the other, and whoever watches is told. */
  appended(positions: readonly LogPosition[], records: readonly LogRecord[]): void {
    this.#tail.add(positions, records);
    const first = positions[0]!.offset;
    // With another process's events in between, the next look tells of those and of these.
    if (first === this.#lastKnown + 1n) this.#lastKnown = positions.at(-1)!.offset;
  }

  /**
   * True when there are events of which nobody here was told: another process's. While nothing is
   * written it costs a look into shared memory.
   */
  changed(): boolean {
    const version = this.#open().dataVersion.get();
    if (version === this.#dataVersion) return false;
    const last = this.#last();
    // After the read: when that fails, the next look asks again.
    this.#dataVersion = version;
    const changed = last > this.#lastKnown;
    if (changed) this.#lastKnown = last;
    return changed;
  }

  /** One step of the retention by time. */
  expire({ beforeMs, nowMs, after }: ExpireOptions): Cursor {
    return this.#write(({ oldest, newest, remove }) => {
      const rows = oldest.all(after, REMOVED_ROWS_MAX);
      let removedBytes = 0;
      let reachedYounger = false;
      for (const { id, partition, atMs, bytes } of rows) {
        if (removedBytes > REMOVED_BYTES_MAX) return id - 1n;
        // What a wrong clock dated into the future does not end the pass: older events may lie
        // behind it.
        reachedYounger ||= atMs >= beforeMs && atMs <= nowMs;
        if (atMs >= beforeMs || newest.get(Number(partition)) === id) continue;
        remove.run(id);
        removedBytes += Number(bytes);
      }
      return reachedYounger ? undefined : rows.at(-1)?.id;
    });
  }

  /**
   * One step of the compaction: of each key that came again since the last pass the earlier events
   * are removed.
   */
  compact(): Cursor {
    return this.#write(({ uncompacted, removeEarlier, setCompacted }) => {
      const rows = uncompacted.all(REMOVED_ROWS_MAX);
      for (const { id, key } of rows) removeEarlier.run(key, id);
      const last = rows.at(-1)?.id;
      if (last !== undefined) setCompacted.run(last);
      return rows.length < REMOVED_ROWS_MAX ? undefined : last;
    });
  }

  close(): void {
    this.#statements?.database.close();
    this.#statements = undefined;
  }

  #last(): bigint {
    return this.#open().last.get() ?? 0n;
  }

  #open(): TopicStatements {
    this.#statements ??= openTopicStatements(this.options);
    return this.#statements;
  }

  /** Undefined when another process holds the write lock. */
  #write<T>(work: (statements: TopicStatements) => T): T | undefined {
    const statements = this.#open();
    const { database } = statements;
    // Taking the lock must not block this thread; a read may, for the moment that a recovery takes.
    database.pragma('busy_timeout = 0');
    try {
      return database.transaction(work).immediate(statements);
    } catch (cause) {
      if (isBusy(cause)) return undefined;
      // After a failed write or sync nothing that this connection remembers is trusted: the next
      // call opens anew.
      this.close();
      throw new AppError('UNAVAILABLE', `cannot write to the topic ${this.topic}`, {
        cause,
        operatorOnly: true,
      });
    } finally {
      if (database.open) database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}
