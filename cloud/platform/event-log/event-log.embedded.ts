import { join } from 'node:path';
import {
  type Topic,
  type TopicDefinition,
  topicDefinition,
} from '@holdfast/shared/contracts/topics.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { withDeadline } from '@holdfast/shared/runtime/clock.ts';
import { ensureFolder } from '@holdfast/shared/runtime/files.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { Appender, type OnCommitted } from './appender.ts';
import type {
  EventLog,
  LogEvent,
  LogPosition,
  LogRecord,
  LogSubscription,
  OnAppended,
  SubscribeOptions,
} from './event-log.ts';
import { GroupsFile } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';
import { type LogWriter, openLogWriter } from './log-writer.ts';
import { OffsetCommits } from './offset-commits.ts';
import { partitionOfKey } from './partition-of-key.ts';
import { Peers } from './peers.ts';
import { type RetainedTopic, startRetention } from './retention.ts';
import { TopicFile } from './topic-file.ts';
import { TopicSubscription } from './topic-subscription.ts';

export interface EmbeddedLogOptions {
  /** Made when absent, for this user only. Must be on a local disk. */
  readonly dir: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'log' | 'steps'>;
  /** A dead process's partitions are taken by others after this. */
  readonly leaseMs?: number;
  /** How soon an event that another process appended is seen. */
  readonly pollMs?: number;
  readonly retentionIntervalMs?: number;
  /** How long `stop` and `close` wait for handlers. */
  readonly stopTimeoutMs?: number;
  readonly definitionOf?: (topic: Topic) => TopicDefinition;
  /** In a thread of its own, so that no sync holds the event loop up; inline when absent. */
  readonly writes?: 'thread' | 'inline';
}

interface OpenTopic extends RetainedTopic {
  readonly appender: Appender;
  readonly subscriptions: Set<TopicSubscription>;
  readonly watchers: Set<OnAppended>;
}

/**
 * The event log of one machine, in SQLite files that its processes share: one per topic, and one
 * for the groups. Throws what `openSqliteFile` throws, and CONFIG_INVALID when a topic was made
 * with another partition count.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EventLog> {
  const { dir, runtime, writes = 'inline' } = options;
  const writer = await openLogWriter(writes, { groupsPath: groupsPathIn(dir), runtime });
  return new EmbeddedLog(options, writer);
}

function groupsPathIn(dir: string): string {
  return join(dir, 'groups.db');
}

class EmbeddedLog implements EventLog {
  readonly #options: EmbeddedLogOptions;
  readonly #world: LogWorld;
  readonly #writer: LogWriter;
  readonly #process: string;
  readonly #groups: GroupsFile;
  readonly #commits: OffsetCommits;
  readonly #peers: Peers;
  readonly #stopRetention: () => Promise<void>;
  readonly #definitionOf: (topic: Topic) => TopicDefinition;
  readonly #topics = new Map<Topic, OpenTopic>();
  readonly #subscriptions = new Set<LogSubscription>();
  #memberCount = 0;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedLogOptions, writer: LogWriter) {
    const { dir, runtime, leaseMs = 2000, pollMs = 25, retentionIntervalMs = 30_000 } = options;
    this.#options = options;
    this.#writer = writer;
    this.#world = { ...runtime, soon: (callback) => void setImmediate(callback) };
    this.#definitionOf = options.definitionOf ?? topicDefinition;
    ensureFolder(dir, 0o700);
    this.#process = runtime.random.bytes(8).toString('hex');
    this.#groups = new GroupsFile({
      path: groupsPathIn(dir),
      process: this.#process,
      leaseMs,
      clock: runtime.clock,
    });
    this.#commits = new OffsetCommits(writer, this.#world, (commit) => {
      for (const topic of this.#topics.values()) {
        for (const subscription of topic.subscriptions) subscription.fenced(commit);
      }
    });
    this.#peers = new Peers({ world: this.#world, groups: this.#groups, leaseMs, pollMs });
    this.#stopRetention = startRetention({
      world: this.#world,
      writer,
      intervalMs: retentionIntervalMs,
      topics: () => [...this.#topics.values()],
    });
  }

  async append(topic: Topic, records: readonly LogRecord[]): Promise<readonly LogPosition[]> {
    return records.length === 0 ? [] : this.#topic(topic).appender.append(records);
  }

  async read(...wanted: Parameters<EventLog['read']>): Promise<readonly LogEvent[]> {
    const [topic, partition, from, limit] = wanted;
    return this.#topic(topic, partition).file.read(partition, from, limit);
  }

  async endOffset(topic: Topic, partition: number): Promise<bigint> {
    return this.#topic(topic, partition).file.endOffset(partition);
  }

  watch(name: Topic, onAppended: OnAppended): () => void {
    const { file, watchers } = this.#topic(name);
    // One for each call: the same function may watch twice.
    const notify: OnAppended = (ends) => {
      try {
        onAppended(ends);
      } catch (cause) {
        this.#world.log.error({ err: cause, topic: name }, 'a watcher of the log failed');
      }
    };
    const watcher = { file, notify };
    watchers.add(notify);
    this.#peers.watch(watcher);
    return () => {
      watchers.delete(notify);
      this.#peers.unwatch(watcher);
    };
  }

  partitionOf(topic: Topic, key: string): number {
    this.#assertOpen();
    return partitionOfKey(key, this.#definitionOf(topic).partitionCount);
  }

  async subscribe(subscribe: SubscribeOptions): Promise<LogSubscription> {
    assert(subscribe.batchMax >= 1, 'a batch has room for an event');
    this.#assertOpen();
    const member = `${this.#process}.${this.#memberCount++}`;
    const parts: TopicSubscription[] = [];
    let stopping: Promise<void> | undefined;
    const subscription: LogSubscription = {
      stop: () => {
        stopping ??= this.#stop(subscription, parts);
        return stopping;
      },
    };
    this.#subscriptions.add(subscription);
    try {
      for (const topic of new Set(subscribe.topics))
        parts.push(this.#join(topic, member, subscribe));
    } catch (cause) {
      await subscription.stop();
      throw cause;
    }
    return subscription;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #join(name: Topic, member: string, subscribe: SubscribeOptions): TopicSubscription {
    const { file, subscriptions } = this.#topic(name);
    const part = new TopicSubscription({
      world: this.#world,
      groups: this.#groups,
      commits: this.#commits,
      file,
      member,
      subscribe,
      onGroupChanged: () => this.#peers.lookSoon(),
    });
    this.#peers.add(part);
    subscriptions.add(part);
    return part;
  }

  async #stop(subscription: LogSubscription, parts: readonly TopicSubscription[]): Promise<void> {
    const { clock, log } = this.#world;
    const timeoutMs = this.#options.stopTimeoutMs ?? 8000;
    const late = (): Error => new Error(`a handler did not end within ${timeoutMs} ms`);
    try {
      const drained = Promise.all(parts.map((part) => part.drain()));
      await withDeadline(drained, { clock, ms: timeoutMs, late });
    } catch (cause) {
      // The batch that is still in hand is not committed: who takes the partition gets it again.
      log.warn({ err: cause }, 'a subscription stops without its batch in hand');
    }
    for (const part of parts) {
      part.leave();
      this.#peers.remove(part);
      this.#topics.get(part.file.topic)?.subscriptions.delete(part);
    }
    this.#subscriptions.delete(subscription);
  }

  async #close(): Promise<void> {
    // What was appended before is still stored; new calls are refused from here on.
    const topics = [...this.#topics.values()];
    for (const { watchers } of topics) watchers.clear();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#peers.close();
    await this.#stopRetention();
    await Promise.all(topics.map((topic) => topic.appender.drained()));
    await this.#commits.flush();
    try {
      await this.#writer.close();
    } finally {
      for (const { file } of topics) file.close();
      this.#groups.close();
    }
  }

  #assertOpen(): void {
    if (this.#closing) throw new AppError('UNAVAILABLE', 'the event log is closed');
  }

  #topic(name: Topic, partition = 0): OpenTopic {
    this.#assertOpen();
    const topic = this.#topics.get(name) ?? this.#openTopic(name);
    assert(partition >= 0 && partition < topic.file.partitionCount, 'the topic has the partition');
    return topic;
  }

  #openTopic(name: Topic): OpenTopic {
    const definition = this.#definitionOf(name);
    const subscriptions = new Set<TopicSubscription>();
    const watchers = new Set<OnAppended>();
    const file = new TopicFile({
      path: join(this.#options.dir, `${name}.db`),
      topic: name,
      partitionCount: definition.partitionCount,
      compacted: definition.retention.kind === 'compact',
    });
    const onCommitted: OnCommitted = (positions, records) => {
      file.appended(positions, records);
      if (subscriptions.size + watchers.size === 0) return;
      // Ascending: the last of a partition stays.
      const ends = new Map(positions.map(({ partition, offset }) => [partition, offset + 1n]));
      for (const subscription of subscriptions) subscription.notify(ends);
      for (const watcher of watchers) watcher(ends);
    };
    const appender = new Appender({ file, world: this.#world, writer: this.#writer, onCommitted });
    const topic = { definition, file, appender, subscriptions, watchers };
    this.#topics.set(name, topic);
    return topic;
  }
}
