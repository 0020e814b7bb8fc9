import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Topic,
  type TopicDefinition,
  topicDefinition,
} from '@holdfast/shared/contracts/topics.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, vi } from 'vitest';
import type { LogTask } from './event-log.case.child.ts';
import { openEmbeddedLog } from './event-log.embedded.ts';
import type { EventLog, LogBatch, LogRecord, SubscribeOptions } from './event-log.ts';

/** An adapter as the suites see it. */
export interface LogAdapter {
  readonly name: string;
  /**
   * `place` is empty at first; opening it again is a restart, or another member of the same log.
   */
  open(place: string, options?: { readonly compacted?: Topic }): Promise<EventLog>;
  start(place: string, task: Omit<LogTask, 'dir' | 'writes'>): ChildProcess;
}

const embedded = (writes: 'thread' | 'inline'): LogAdapter => ({
  name: `embedded, ${writes}`,
  open: (place, { compacted } = {}) => {
    const definitionOf = (topic: Topic): TopicDefinition =>
      topic === compacted
        ? { ...topicDefinition(topic), retention: { kind: 'compact' } }
        : topicDefinition(topic);
    const times = { leaseMs: 1000, retentionIntervalMs: 50, stopTimeoutMs: 1000 };
    const dir = join(place, 'log');
    return openEmbeddedLog({ dir, runtime: testRuntime(), definitionOf, writes, ...times });
  },
  start: (place, task) =>
    fork(join(import.meta.dirname, 'event-log.case.child.ts'), [
      JSON.stringify({ ...task, writes, dir: join(place, 'log') } satisfies LogTask),
    ]),
});

export const LOG_ADAPTERS: readonly LogAdapter[] = [embedded('thread'), embedded('inline')];

export const TOPIC: Topic = 'telemetry.batches';
export const PARTITIONS = Array.from(
  { length: topicDefinition(TOPIC).partitionCount },
  (_, partition) => partition,
);
/** Several keys for each partition. */
export const KEYS = Array.from({ length: 40 }, (_, i) => `gw_${i}/telemetry`);

/** Logs and processes on a place of their own for each test; all are ended after it. */
export class LogBench {
  readonly #adapter: LogAdapter;
  #place = '';
  #logs: EventLog[] = [];
  #children: ChildProcess[] = [];

  constructor(adapter: LogAdapter) {
    this.#adapter = adapter;
    beforeEach(() => {
      this.#place = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
    });
    afterEach(async () => {
      for (const child of this.#children.splice(0)) child.kill('SIGKILL');
      await Promise.all(this.#logs.splice(0).map((log) => log.close()));
      rmSync(this.#place, { recursive: true, force: true });
    });
  }

  async open(options: { readonly compacted?: Topic } = {}): Promise<EventLog> {
    const log = await this.#adapter.open(this.#place, options);
    this.#logs.push(log);
    return log;
  }

  start(task: Omit<LogTask, 'dir' | 'writes'>): ChildProcess {
    const child = this.#adapter.start(this.#place, task);
    this.#children.push(child);
    return child;
  }
}

/** Waits until the expectation holds; fails with what it says when it does not in time. */
export function eventually<T>(expectation: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(expectation, { timeout: 10_000, interval: 5 });
}

export function record(key: string, text = key): LogRecord {
  return { key, headers: {}, value: Buffer.from(text) };
}

export function textOf(event: { readonly value: Uint8Array }): string {
  return Buffer.from(event.value).toString();
}

/** Texts of the whole topic, partition by partition. */
export async function readAll(log: EventLog): Promise<string[]> {
  const texts: string[] = [];
  for (const partition of PARTITIONS) {
    for (let from = 0n; ; ) {
      const events = await log.read(TOPIC, partition, from, 500);
      if (events.length === 0) break;
      texts.push(...events.map(textOf));
      from = events.at(-1)!.offset + 1n;
    }
  }
  return texts;
}

/** What a member of a group was given. */
export interface Member {
  readonly batches: LogBatch[];
  texts(): string[];
  partitions(): number[];
  stop(): Promise<void>;
}

export async function joinGroup(
  log: EventLog,
  options: { readonly group: string } & Partial<SubscribeOptions>,
): Promise<Member> {
  const batches: LogBatch[] = [];
  const subscription = await log.subscribe({
    topics: [TOPIC],
    batchMax: 100,
    onError: (error) => {
      throw error;
    },
    ...options,
    handle: async (batch) => {
      batches.push(batch);
      await options.handle?.(batch);
    },
  });
  return {
    batches,
    texts: () => batches.flatMap(({ events }) => events.map(textOf)),
    partitions: () =>
      [...new Set(batches.map(({ partition }) => partition))].toSorted((a, b) => a - b),
    stop: () => subscription.stop(),
  };
}
