import { topicDefinition } from '@holdfast/shared/contracts/topics.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog } from '../../platform/event-log/event-log.ts';

const TOPIC = 'products';
const POLL_MS = 250;
const EVENTS_MAX = 500;
/** Who has heard nothing of the log for so long does not know what others changed. */
export const SILENCE_MS_MAX = 2_000;

export interface CacheInvalidationOptions {
  readonly log: EventLog;
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
  readonly invalidate: (tenant: string, productId: string) => Promise<void>;
}

export interface CacheInvalidation {
  /** Resolves when every change from now on is heard. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether all changes that were published SILENCE_MS_MAX ago are heard. */
  isCurrent(): boolean;
}

/**
 * Hears what other processes changed. It is no member of a group, which would give each event to
 * one process alone, and it keeps no position: a cache that has just opened holds nothing older.
 */
export function createCacheInvalidation(options: CacheInvalidationOptions): CacheInvalidation {
  const { log, runtime, invalidate } = options;
  const { clock } = runtime;
  const stopping = new AbortController();
  const positions = new Map<number, bigint>();
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  const hear = async (partition: number): Promise<void> => {
    for (;;) {
      const events = await log.read(TOPIC, partition, positions.get(partition)!, EVENTS_MAX);
      for (const { headers, offset } of events) {
        const { ce_tenant: tenant, ce_subject: subject } = headers;
        if (tenant && subject) await invalidate(tenant, subject);
        positions.set(partition, offset + 1n);
      }
      if (events.length < EVENTS_MAX) return;
    }
  };
  const hearAll = async (): Promise<void> => {
    const askedAtMs = clock.monotonicMs();
    for (const partition of positions.keys()) await hear(partition);
    heardAtMs = askedAtMs;
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // What fails makes the cache silent, not wrong; it is tried again.
      await hearAll().catch((err) => runtime.log.warn({ err }, 'product events were not heard'));
      // Rejects when it is told to stop, which the condition sees.
      await clock.sleep(POLL_MS, stopping.signal).catch(() => undefined);
    }
  };
  return {
    async start() {
      for (let partition = 0; partition < topicDefinition(TOPIC).partitionCount; partition++) {
        positions.set(partition, await log.endOffset(TOPIC, partition));
      }
      await hearAll();
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    isCurrent: () => clock.monotonicMs() - heardAtMs < SILENCE_MS_MAX,
  };
}
