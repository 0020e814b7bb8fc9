import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogBatch, LogSubscription } from '../../platform/event-log/event-log.ts';
import { batchKey, batchOf } from '../domain/batch-event.ts';
import { applyLogged, type LoggedBatch, nextOffset } from '../store/lane-positions.ts';
import type { EdgeLinkTables } from '../store/tables.ts';

export const POSITIONS_GROUP = 'edge-link-positions';
export const BATCH_TOPIC = 'telemetry.batches';
const BATCH_EVENTS_MAX = 256;
/** How many events are read at once beside the subscription: each may have 900 KB. */
const READ_EVENTS_MAX = 16;
const CATCH_UP_POLL_MS = 25;
const CATCH_UP_HELP_MS = 250;

export interface PositionsDeps {
  readonly sql: Sql<EdgeLinkTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
}

/**
 * Keeps the positions that the next Welcome tells: what the log holds, read from the log itself.
 */
export interface PositionsConsumer {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Resolves when the positions hold all that the log held of this gateway when asked; UNAVAILABLE
   * after `timeoutMs`.
   */
  caughtUp(gatewayId: string, timeoutMs: number): Promise<void>;
}

export function createPositionsConsumer(deps: PositionsDeps): PositionsConsumer {
  let subscription: LogSubscription | undefined;
  return {
    async start() {
      subscription = await deps.log.subscribe({
        group: POSITIONS_GROUP,
        topics: [BATCH_TOPIC],
        batchMax: BATCH_EVENTS_MAX,
        handle: (batch) => consume(deps, batch),
        onError: (err, { partition }) =>
          deps.runtime.log.warn({ err, partition }, 'positions will be read again'),
      });
    },
    async stop() {
      await subscription?.stop();
    },
    caughtUp: (gatewayId, timeoutMs) => caughtUp(deps, gatewayId, timeoutMs),
  };
}

/**
 * The group's own commit may be ahead of the positions (a restored database): what lies between is
 * read first.
 */
async function consume(deps: PositionsDeps, batch: LogBatch): Promise<void> {
  const [first] = batch.events;
  if (!first) return;
  while ((await positionOf(deps, batch.partition)) < first.offset) {
    if (!(await readOn(deps, batch.partition))) break;
  }
  await store(deps, batch);
}

type Events = Pick<LogBatch, 'topic' | 'partition' | 'events'>;

/** One transaction moves the positions and the offset. */
async function store(deps: PositionsDeps, batch: Events): Promise<void> {
  const { sql, runtime } = deps;
  const last = batch.events.at(-1);
  if (!last) return;
  const batches = readable(deps, batch);
  const parked = await sql.transaction(async (tx) => {
    const found = await applyLogged(tx, {
      topic: batch.topic,
      partition: batch.partition,
      nextOffset: last.offset + 1n,
      batches,
      nowMicros: runtime.clock.nowMicros(),
    });
    runtime.steps.reach('edge-link.positions.before-commit');
    return found;
  });
  runtime.steps.reach('edge-link.positions.committed');
  if (parked === 0) return;
  parkedCounter(runtime.metrics).add(parked);
  runtime.log.warn({ partition: batch.partition, parked }, 'blocks contradict what is held');
}

function readable({ runtime }: PositionsDeps, batch: Events): LoggedBatch[] {
  const found = batch.events.flatMap((event) => {
    const identity = batchOf(event.headers);
    return identity ? [{ batch: identity, offset: event.offset, bytes: event.value }] : [];
  });
  const unreadable = batch.events.length - found.length;
  if (unreadable > 0) {
    unreadableCounter(runtime.metrics).add(unreadable);
    runtime.log.error({ partition: batch.partition, unreadable }, 'unreadable batch events');
  }
  return found;
}

function unreadableCounter(metrics: Metrics) {
  return metrics.counter(
    'holdfast_edge_link_unreadable_total',
    'Events of telemetry.batches that are none',
  );
}

function parkedCounter(metrics: Metrics) {
  return metrics.counter(
    'holdfast_edge_link_parked_total',
    'Blocks of the log that contradict what is held',
  );
}

/**
 * Whoever holds the partition may have died: after a while the Hello moves the positions on by
 * itself.
 */
async function caughtUp(deps: PositionsDeps, gatewayId: string, timeoutMs: number): Promise<void> {
  const { clock } = deps.runtime;
  const startedAt = clock.monotonicMs();
  for (const [partition, end] of await endOffsets(deps.log, gatewayId)) {
    while ((await positionOf(deps, partition)) < end) {
      const waitedMs = clock.monotonicMs() - startedAt;
      if (waitedMs > timeoutMs) throw behind(partition);
      if (waitedMs < CATCH_UP_HELP_MS) await clock.sleep(CATCH_UP_POLL_MS);
      else if (!(await readOn(deps, partition))) break;
    }
  }
}

function positionOf({ sql }: PositionsDeps, partition: number): Promise<bigint> {
  return sql.read((db) => nextOffset(db, BATCH_TOPIC, partition));
}

/**
 * Applies the next events of the partition; false when there are none, since older ones are no
 * longer kept.
 */
async function readOn(deps: PositionsDeps, partition: number): Promise<boolean> {
  const from = await positionOf(deps, partition);
  const events = await deps.log.read(BATCH_TOPIC, partition, from, READ_EVENTS_MAX);
  await store(deps, { topic: BATCH_TOPIC, partition, events });
  return events.length > 0;
}

function behind(partition: number): AppError {
  return new AppError('UNAVAILABLE', `positions are behind the log in partition ${partition}`, {
    hint: 'the gateway tries again by itself; look at the database of edge-link when this stays',
  });
}

/**
 * The ends are read once: a partition that others keep writing to does not hold this gateway up.
 */
async function endOffsets(log: EventLog, gatewayId: string): Promise<Map<number, bigint>> {
  const partitions = new Set(
    LANES.map((lane) => log.partitionOf(BATCH_TOPIC, batchKey(gatewayId, lane))),
  );
  const ends = new Map<number, bigint>();
  for (const partition of partitions) {
    ends.set(partition, await log.endOffset(BATCH_TOPIC, partition));
  }
  return ends;
}
